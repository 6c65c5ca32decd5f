package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the server's own. Labels have few values: names of routes, not
// paths.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	open     prometheus.Gauge
	refused  prometheus.Counter
}

func newMetrics(r *prometheus.Registry, v Version) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "caravela_api_requests_total", Help: "API requests by operation and HTTP status.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "caravela_api_request_seconds", Help: "Duration of API requests, streams included, by operation.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}, []string{"operation"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "caravela_api_open_requests", Help: "API requests and streams under way.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "caravela_api_refused_total", Help: "API requests over TCP refused for token, Host or Origin.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "caravela_build_info", Help: "Always 1; the labels tell which program runs.",
		ConstLabels: prometheus.Labels{"version": v.Version, "commit": v.Commit, "go_version": v.GoVersion},
	})
	build.Set(1)
	return m, errors.Join(r.Register(m.requests), r.Register(m.seconds), r.Register(m.open), r.Register(m.refused),
		r.Register(build))
}

func (m *metrics) observe(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
}

func metricsEndpoint() endpoint {
	src := nothing()
	return endpoint{kind: kindFile, serve: func(s *Server, w http.ResponseWriter, r *http.Request, _ string) error {
		if _, err := src.read(w, r); err != nil {
			return err
		}
		promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
		return nil
	}}
}
