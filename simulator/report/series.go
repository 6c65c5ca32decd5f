package report

import (
	"bytes"
	"encoding/csv"
	"reflect"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"caravela/simulator"
)

// Point is one row of the time series. Rates are those since the row before;
// shares are those of the moment.
type Point struct {
	Seconds             float64 `json:"seconds" parquet:"seconds"` // virtual, since the start
	NodesUp             int64   `json:"nodes_up" parquet:"nodes_up"`
	Requests            int64   `json:"requests" parquet:"requests"` // judged since the start
	Placed              int64   `json:"placed" parquet:"placed"`
	Missed              int64   `json:"missed" parquet:"missed"`
	Refused             int64   `json:"refused" parquet:"refused"`
	Units               int64   `json:"units" parquet:"units"` // containers that run
	RequestsPerSecond   float64 `json:"requests_per_second" parquet:"requests_per_second"`
	PlacedShare         float64 `json:"placed_share" parquet:"placed_share"`             // of the requests since the row before
	FeasibleShare       float64 `json:"placed_of_feasible" parquet:"placed_of_feasible"` // likewise
	MessagesPerNodeSec  float64 `json:"messages_per_node_second" parquet:"messages_per_node_second"`
	BytesPerNodeSec     float64 `json:"bytes_per_node_second" parquet:"bytes_per_node_second"`
	CPULeased           float64 `json:"cpu_leased" parquet:"cpu_leased"` // share of what the nodes that are up have
	MemoryLeased        float64 `json:"memory_leased" parquet:"memory_leased"`
	EventsPerVirtualSec float64 `json:"events_per_virtual_second" parquet:"events_per_virtual_second"`
}

func pointsOf(samples []simulator.Sample, nodes int) []Point {
	out := make([]Point, 0, len(samples))
	var last simulator.Sample
	for _, x := range samples {
		sec := (x.At - last.At).Seconds()
		asked, placed, missed := x.Requests-last.Requests, x.Placed-last.Placed, x.Missed-last.Missed
		out = append(out, Point{
			Seconds: x.At.Seconds(), NodesUp: int64(x.Up), Requests: int64(x.Requests), Placed: int64(x.Placed), Missed: int64(x.Missed),
			Refused: int64(x.Refused), Units: int64(x.Units),
			RequestsPerSecond: round(ratio(float64(asked), sec)), PlacedShare: round(share(placed, asked)), FeasibleShare: round(share(placed, placed+missed)),
			MessagesPerNodeSec: round(ratio(float64(x.Messages-last.Messages), sec*float64(nodes))),
			BytesPerNodeSec:    round(ratio(float64(x.Bytes-last.Bytes), sec*float64(nodes))),
			CPULeased:          round(x.CPU), MemoryLeased: round(x.Memory), EventsPerVirtualSec: round(ratio(float64(x.Events-last.Events), sec)),
		})
		last = x
	}
	return out
}

func csvOf(points []Point) ([]byte, error) {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	t := reflect.TypeFor[Point]()
	var head []string
	for i := range t.NumField() {
		head = append(head, t.Field(i).Tag.Get("json"))
	}
	_ = w.Write(head) // a buffer takes everything
	for _, p := range points {
		var cells []string
		for i := range t.NumField() {
			switch v := reflect.ValueOf(p).Field(i); v.Kind() {
			case reflect.Int64:
				cells = append(cells, strconv.FormatInt(v.Int(), 10))
			default:
				cells = append(cells, strconv.FormatFloat(v.Float(), 'g', -1, 64))
			}
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return buf.Bytes(), w.Error()
}

func parquetOf(points []Point) ([]byte, error) {
	var buf bytes.Buffer
	err := parquet.Write(&buf, points, parquet.Compression(&parquet.Snappy))
	return buf.Bytes(), err
}

// Distributions are what the plots are drawn from: the series, and each
// distribution by its quantiles.
type Distributions struct {
	Series       []Point   `json:"series"`
	Messages     []float64 `json:"messages_per_request"` // quantiles 0, 1/200, ... 1
	LatencyMS    []float64 `json:"placement_latency_ms"`
	NodeMessages []float64 `json:"node_messages_per_second"`
	NodeBytes    []float64 `json:"node_bytes_per_second"`
}

func distributionsOf(m *simulator.Measures) *Distributions {
	return &Distributions{
		Series:       pointsOf(m.Series, m.Nodes),
		Messages:     quantiles(m.Messages, func(x uint32) float64 { return float64(x) }),
		LatencyMS:    quantiles(m.Latency, func(d time.Duration) float64 { return float64(d) / 1e6 }),
		NodeMessages: quantiles(m.NodeMessages, func(x float64) float64 { return x }),
		NodeBytes:    quantiles(m.NodeBytes, func(x float64) float64 { return x }),
	}
}

func quantiles[T any](sorted []T, number func(T) float64) (out []float64) {
	const steps = 200
	if len(sorted) == 0 {
		return []float64{}
	}
	for i := range steps + 1 {
		out = append(out, round(number(sorted[(len(sorted)-1)*i/steps])))
	}
	return out
}
