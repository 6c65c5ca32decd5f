package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is what a Server needs besides its Backend.
type Config struct {
	// Log gets defects and refused access; default slog.Default().
	Log *slog.Logger
	// Registry is what /metrics shows; the server adds its own metrics to it.
	// Default: a new one.
	Registry *prometheus.Registry
	// Build is shown as the metric caravela_build_info.
	Build Version
	// Token is asked of requests over TCP. Without one TCP is not served.
	Token string
	// AllowedHosts are names, without port, that a request over TCP may name in
	// Host besides IP addresses and localhost.
	AllowedHosts []string
	// AllowedOrigins are web origins, "https://host[:port]", whose pages may
	// call over TCP besides the server's own.
	AllowedOrigins []string
	// MaxRequests bounds the requests and streams served at once; default 256.
	MaxRequests int
	// AliveInterval is how often an idle stream shows that it lives, and so
	// finds out that its client is gone; default 15 s.
	AliveInterval time.Duration
	// AnswerStall is how long a client may take to read an answer before the
	// connection is given up, and the next event of a run before the run goes on
	// without it; default 30 s.
	AnswerStall time.Duration
	// StreamStall is the same for the other streams, which end then. It is long,
	// because a user may hold a terminal's output; default 10 min.
	StreamStall time.Duration
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.MaxRequests <= 0 {
		c.MaxRequests = 256
	}
	if c.AliveInterval <= 0 {
		c.AliveInterval = 15 * time.Second
	}
	if c.AnswerStall <= 0 {
		c.AnswerStall = 30 * time.Second
	}
	if c.StreamStall <= 0 {
		c.StreamStall = 10 * time.Minute
	}
	return c
}

// ErrNoToken is returned by Serve for a TCP listener when Config has no Token.
var ErrNoToken = errors.New("api: no token for access over TCP")

// Server puts a Backend on listeners. It may serve several at once.
type Server struct {
	backend Backend
	cfg     Config
	metrics *metrics
	slots   chan struct{} // one for each request under way
	handler http.Handler
	streams sync.WaitGroup // hijacked connections
}

// NewServer makes a server. It fails when Config.Registry has other metrics of
// the same names.
func NewServer(b Backend, cfg Config) (*Server, error) {
	s := &Server{backend: b, cfg: cfg.withDefaults()}
	s.slots = make(chan struct{}, s.cfg.MaxRequests)
	var err error
	if s.metrics, err = newMetrics(s.cfg.Registry, s.cfg.Build); err != nil {
		return nil, fmt.Errorf("register metrics of the api: %w", err)
	}
	s.handler = s.router()
	return s, nil
}

// Serve answers on l until ctx ends, then lets requests under way finish for a
// few seconds, breaks off streams, and closes l. It returns nil after that, and
// an error only when l fails.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	local := l.Addr().Network() == "unix"
	if !local && s.cfg.Token == "" {
		_ = l.Close()
		return ErrNoToken
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	h := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(life, listenerKey{}, listenerInfo{local, life})
		},
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		end() // ends streams, which would last for ever
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if h.Shutdown(grace) != nil {
			_ = h.Close()
		}
		s.streams.Wait()
	})
	err := h.Serve(l)
	if stop() { // the listener failed by itself
		_ = h.Close()
		return fmt.Errorf("serve the api on %s: %w", l.Addr(), err)
	}
	<-stopped
	return nil
}

// listenerInfo says through which door a request came.
type listenerInfo struct {
	local bool            // the Unix socket: access was the file system's decision
	life  context.Context // ends when the server stops
}

type listenerKey struct{}

// doorOf returns the door of a request; without one, the strict one.
func doorOf(r *http.Request) listenerInfo {
	info, ok := r.Context().Value(listenerKey{}).(listenerInfo)
	if !ok {
		info.life = context.Background()
	}
	return info
}
