package libp2p_test

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"caravela/market"
	"caravela/remote"
	"caravela/remote/libp2p"
	"caravela/remote/remotetest"
)

// newHost starts a host on loopback, TCP and QUIC on ports of the system's
// choice; change may alter its configuration.
func newHost(t *testing.T, change func(*libp2p.Config)) *libp2p.Host {
	t.Helper()
	cfg := libp2p.DefaultConfig()
	cfg.PrivateKey, cfg.Codec = newKey(t), remotetest.Codec()
	cfg.Listen = libp2p.ListenOn("/ip4/127.0.0.1", 0, false)
	cfg.Log = slog.New(slog.DiscardHandler)
	cfg.StrangerGrace = 2 * time.Second
	if change != nil {
		change(&cfg)
	}
	h, err := libp2p.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func newKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func starter(change func(*libp2p.Config)) remotetest.Start {
	return func(t *testing.T, network market.NetworkID, handlers []remote.Handler) (out []remote.Transport) {
		for _, handler := range handlers {
			h := newHost(t, change)
			if handler != nil {
				if err := h.Serve(network, handler); err != nil {
					t.Fatal(err)
				}
			}
			out = append(out, h)
		}
		return out
	}
}

// plainTarget is what a user types: IP:port of the TCP listener.
func plainTarget(tr remote.Transport) string {
	for _, a := range tr.Self().Addrs {
		if p := strings.Split(a, "/"); p[3] == "tcp" {
			return p[2] + ":" + p[4]
		}
	}
	return ""
}

func TestTransport(t *testing.T) {
	remotetest.Run(t, starter(nil), plainTarget)
}

func TestTransportPrivateNetwork(t *testing.T) {
	remotetest.Run(t, starter(func(c *libp2p.Config) {
		c.PSK = make([]byte, 32)
		c.Listen = libp2p.ListenOn("/ip4/127.0.0.1", 0, true)
	}), plainTarget)
}

func TestTransportQUICOnly(t *testing.T) {
	remotetest.Run(t, starter(func(c *libp2p.Config) {
		c.Listen = c.Listen[1:]
	}), func(tr remote.Transport) string { return tr.Self().Addrs[0] })
}
