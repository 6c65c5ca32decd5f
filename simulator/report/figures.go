package report

import "fmt"

// plotsOf draws the figures of one run.
func plotsOf(s *Summary, d *Distributions) []Plot {
	figures := []struct {
		name, caption string
		chart         chart
	}{
		{"success", "Share of the requests of each interval that were placed: of those that some live node could have served all the time, and of all.", successChart(d)},
		{"messages", "RPC requests sent for a request, those of overlay lookups included, until its container was launched or it was given up.", messagesChart(d)},
		{"latency", "From a request to its lease, dials included. The dashed line is the mean round trip between two nodes.", latencyChart(s, d)},
		{"load", "Messages sent and received by a node, over all nodes, from the idlest to the busiest.", loadChart(d)},
		{"traffic", "Encoded bytes of market and overlay messages that a node sends, averaged over nodes.", trafficChart(d)},
		{"utilisation", "Share of the CPU and memory of the nodes that are up that is leased.", utilisationChart(d)},
	}
	var out []Plot
	for _, f := range figures {
		out = append(out, Plot{File: f.name + ".svg", Title: f.chart.title, Caption: f.caption, SVG: f.chart.svg()})
	}
	return out
}

// column takes one number of each point, from the first on that `from` allows.
func column(points []Point, of func(Point) float64) (y []float64) {
	for _, p := range points {
		y = append(y, of(p))
	}
	return y
}

func minutes(p Point) float64 { return p.Seconds / 60 }

const timeLabel = "virtual time, minutes"

func successChart(d *Distributions) chart {
	var asked []Point // an interval without requests says nothing
	for _, p := range d.Series {
		if p.RequestsPerSecond > 0 {
			asked = append(asked, p)
		}
	}
	c := chart{title: "Requests placed", xLabel: timeLabel, yLabel: "share of requests", low: 0, high: 1}
	x := column(asked, minutes)
	c.lines = []line{
		{"of feasible", x, column(asked, func(p Point) float64 { return p.FeasibleShare })},
		{"of all", x, column(asked, func(p Point) float64 { return p.PlacedShare })},
	}
	return c
}

// cdf is a distribution by quantiles as a line.
func cdf(name string, quantiles []float64) line {
	l := line{name: name}
	for i, v := range quantiles {
		l.x = append(l.x, v)
		l.y = append(l.y, float64(i)/float64(max(1, len(quantiles)-1)))
	}
	return l
}

func messagesChart(d *Distributions) chart {
	return chart{
		title: "Messages a request", xLabel: "messages", yLabel: "share of requests", high: 1,
		lines: []line{cdf("", d.Messages)},
	}
}

func latencyChart(s *Summary, d *Distributions) chart {
	return chart{
		title: "Placement latency", xLabel: "milliseconds", yLabel: "share of placed requests", high: 1, logX: true,
		lines: []line{cdf("", d.LatencyMS)}, marks: []mark{{s.MeanRTTMS, fmt.Sprintf("RTT %.0f ms", s.MeanRTTMS)}},
	}
}

func loadChart(d *Distributions) chart {
	l := line{}
	for i, v := range d.NodeMessages {
		l.x = append(l.x, 100*float64(i)/float64(max(1, len(d.NodeMessages)-1)))
		l.y = append(l.y, v)
	}
	return chart{title: "Load over nodes", xLabel: "percentile of the nodes", yLabel: "messages a second", logY: true, lines: []line{l}}
}

func trafficChart(d *Distributions) chart {
	return chart{
		title: "Traffic over time", xLabel: timeLabel, yLabel: "bytes a node and second",
		lines: []line{{"", column(d.Series, minutes), column(d.Series, func(p Point) float64 { return p.BytesPerNodeSec })}},
	}
}

func utilisationChart(d *Distributions) chart {
	x := column(d.Series, minutes)
	return chart{
		title: "Utilisation", xLabel: timeLabel, yLabel: "share leased", high: 1,
		lines: []line{
			{"CPU", x, column(d.Series, func(p Point) float64 { return p.CPULeased })},
			{"memory", x, column(d.Series, func(p Point) float64 { return p.MemoryLeased })},
		},
	}
}
