package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"caravela/api"
	"caravela/configuration"
	"caravela/node"
	"caravela/node/identity"
	"caravela/node/store"
)

// socketGroup is whose members may use the API's Unix socket, where the group
// exists.
const socketGroup = "caravela"

// runDaemon runs a node until ctx ends or the node has left its network. It
// is the one place where node, overlay, transport and engine meet.
func runDaemon(ctx context.Context, cfg configuration.Config, mode startMode) error {
	quietQUIC()
	log := newLog(cfg.Log)
	dir, err := identity.Open(cfg.Node.DataDir)
	if err != nil {
		return err
	}
	defer shut(dir)
	key, err := dir.Key()
	if err != nil {
		return err
	}
	listeners, err := listenAPI(cfg.API)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	m := &membership{cfg: cfg, mode: mode, dir: dir, key: key, log: log}
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer shut(m.host)
	records, err := store.Open(dir.LeaseFile(m.network.ID()))
	if err != nil {
		return err
	}
	defer shut(records)
	parts, err := m.parts(records)
	if err != nil {
		return err
	}
	if parts.Engine != nil {
		defer shut(parts.Engine)
	}
	n, err := node.New(ctx, parts)
	if err != nil {
		return err
	}
	return serveNode(ctx, cfg, mode, n, m, listeners)
}

// serveNode runs the node and its API side by side; the API outlives the node
// long enough to tell of its end.
func serveNode(ctx context.Context, cfg configuration.Config, mode startMode, n *node.Node, m *membership, listeners []net.Listener) error {
	server, err := newServer(cfg, n, m.log)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var group errgroup.Group
	for _, l := range listeners {
		group.Go(func() error { return server.Serve(serving, l) })
	}
	group.Go(func() error {
		select {
		case <-n.Ready():
			m.tellReady(mode)
		case <-serving.Done():
		}
		return nil
	})
	err = n.Serve(ctx)
	stop()
	return errors.Join(err, group.Wait())
}

// quietQUIC keeps quic-go from writing to standard error how the machine's
// socket buffers could be larger: a market's messages are small, and who is
// not root can do nothing about it.
func quietQUIC() { _ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") }

func newServer(cfg configuration.Config, n *node.Node, log *slog.Logger) (*api.Server, error) {
	c := api.Config{
		Log: log, Build: clientVersion(), AllowedHosts: cfg.API.AllowedHosts, AllowedOrigins: cfg.API.AllowedOrigins,
		Registry: prometheus.NewRegistry(),
	}
	for _, address := range cfg.API.Addresses {
		if !isUnix(address) {
			token, err := api.LoadToken(cfg.Node.DataDir + "/api-token")
			if err != nil {
				return nil, err
			}
			c.Token = token
		}
	}
	if cfg.Metrics.Enabled {
		for _, m := range []prometheus.Collector{
			n, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		} {
			if err := c.Registry.Register(m); err != nil {
				return nil, fmt.Errorf("register metrics: %w", err)
			}
		}
	}
	return api.NewServer(n, c)
}

func isUnix(address string) bool { return len(address) > 7 && address[:7] == "unix://" }

func listenAPI(c configuration.API) ([]net.Listener, error) {
	var all []net.Listener
	for _, address := range c.Addresses {
		l, err := api.Listen(address, socketGroup)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		shut(l)
	}
}

// shut closes what has nothing to say at its end: what had to last is on disk
// by then.
func shut(c io.Closer) { _ = c.Close() }

func newLog(c configuration.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // Validate refuses it before
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == configuration.FormatJSON {
		return slog.New(newCalm(slog.NewJSONHandler(os.Stderr, o)))
	}
	return slog.New(newCalm(slog.NewTextHandler(os.Stderr, o)))
}
