package libp2p_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	lib "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"caravela/market"
	"caravela/remote"
	"caravela/remote/libp2p"
	"caravela/remote/remotetest"
)

var networkOne = market.NetworkID(market.KeyOf("one"))

func proto(kind string) protocol.ID {
	return protocol.ID("/caravela/" + networkOne.Short() + "/" + kind + "/1.0.0")
}

// victim starts a node that serves, with short timeouts.
func victim(t *testing.T, handler remote.Handler, change func(*libp2p.Config)) *libp2p.Host {
	h := newHost(t, func(c *libp2p.Config) {
		c.ReadTimeout, c.PenaltyTime = 300*time.Millisecond, time.Second
		if change != nil {
			change(c)
		}
	})
	if err := h.Serve(networkOne, handler); err != nil {
		t.Fatal(err)
	}
	return h
}

// attacker is a plain libp2p host with any kind of key.
func attacker(t *testing.T, kind int) host.Host {
	key, _, err := crypto.GenerateKeyPairWithReader(kind, 2048, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := lib.New(lib.Identity(key), lib.NoListenAddrs, lib.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func connect(t *testing.T, from host.Host, to *libp2p.Host) error {
	return from.Connect(t.Context(), peer.AddrInfo{ID: to.LibP2P().ID(), Addrs: to.LibP2P().Addrs()})
}

// throw opens a stream, writes bytes, ends its half if asked, and returns
// what the victim answers.
func throw(t *testing.T, from host.Host, to *libp2p.Host, p protocol.ID, b []byte, end bool) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remotetest.Patience)
	defer cancel()
	s, err := from.NewStream(ctx, to.LibP2P().ID(), p)
	if err != nil {
		return nil, err
	}
	defer s.Reset()
	if _, err := s.Write(b); err != nil {
		return nil, err
	}
	if end {
		s.CloseWrite()
	}
	s.SetReadDeadline(time.Now().Add(remotetest.Patience))
	return io.ReadAll(s)
}

func TestGarbageIsRejectedAndCounted(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":            {},
		"length too long":  {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"length not short": {0x80, 0x00},
		"oversized":        {0x81, 0x80, 0x20, 1, 2, 3},
		"truncated":        {10, 1, 2, 3},
		"undecodable":      remote.AppendBlob(nil, []byte("undecodable")),
	} {
		t.Run(name, func(t *testing.T) {
			handler := &remotetest.Handler{}
			v, a := victim(t, handler, nil), attacker(t, crypto.Ed25519)
			if err := connect(t, a, v); err != nil {
				t.Fatal(err)
			}
			for _, p := range []protocol.ID{proto("message"), proto("stream"), "/caravela/configuration/1.0.0"} {
				throw(t, a, v, p, b, true) // whatever it answers
			}
			if len(handler.Heard()) != 0 {
				t.Error("the handler heard of it")
			}
			if name != "empty" && v.Stats().RejectedMalformed == 0 {
				t.Errorf("not counted: %+v", v.Stats())
			}
			if got, err := throw(t, a, v, proto("message"), remote.AppendBlob(nil, []byte("fine")), true); err != nil || string(got) != "\x00" {
				t.Errorf("a good message afterwards: %x, %v", got, err)
			}
		})
	}
}

func TestSlowSenderIsCutOff(t *testing.T) {
	v, a := victim(t, &remotetest.Handler{}, nil), attacker(t, crypto.Ed25519)
	if err := connect(t, a, v); err != nil {
		t.Fatal(err)
	}
	if got, err := throw(t, a, v, proto("message"), []byte{100, 1}, false); err == nil {
		t.Errorf("answered %x", got)
	}
	if v.Stats().RejectedSlow != 1 {
		t.Errorf("not counted: %+v", v.Stats())
	}
}

func TestRepeatedGarbageIsPenalised(t *testing.T) {
	v, a := victim(t, &remotetest.Handler{}, nil), attacker(t, crypto.Ed25519)
	if err := connect(t, a, v); err != nil {
		t.Fatal(err)
	}
	remotetest.Eventually(t, "penalty", func() bool {
		throw(t, a, v, proto("message"), remote.AppendBlob(nil, []byte("undecodable")), true)
		return v.Stats().Penalties == 1
	})
	remotetest.Eventually(t, "disconnection", func() bool { return a.Network().Connectedness(v.LibP2P().ID()) == network.NotConnected })
	remotetest.Eventually(t, "the penalty ends", func() bool {
		got, err := throw(t, a, v, proto("message"), remote.AppendBlob(nil, []byte("sorry")), true)
		return err == nil && string(got) == "\x00"
	})
	if v.Stats().RejectedGate == 0 {
		t.Log("it was not refused in the meantime")
	}
}

func TestFloodIsAnsweredBusy(t *testing.T) {
	v := victim(t, &remotetest.Handler{}, func(c *libp2p.Config) { c.Profile = libp2p.LowPower })
	a := attacker(t, crypto.Ed25519)
	if err := connect(t, a, v); err != nil {
		t.Fatal(err)
	}
	busy := 0
	for range 300 {
		if got, _ := throw(t, a, v, proto("message"), remote.AppendBlob(nil, []byte("x")), true); string(got) == "\x01" {
			busy++
		}
	}
	if busy == 0 || v.Stats().RejectedRate == 0 {
		t.Errorf("%d of 300 answered busy; %+v", busy, v.Stats())
	}
}

func TestHandlersAreBounded(t *testing.T) {
	release := make(chan struct{})
	v := victim(t, &remotetest.Handler{OnReceive: func(context.Context, remote.Peer, string) error { <-release; return nil }},
		func(c *libp2p.Config) { c.Profile = libp2p.LowPower })
	t.Cleanup(func() { close(release) })
	a := attacker(t, crypto.Ed25519)
	if err := connect(t, a, v); err != nil {
		t.Fatal(err)
	}
	for range 8 { // one peer's share in the LowPower profile
		s, err := a.NewStream(t.Context(), v.LibP2P().ID(), proto("message"))
		if err != nil {
			t.Fatal(err)
		}
		s.Write(remote.AppendBlob(nil, []byte("stay")))
	}
	remotetest.Eventually(t, "the share is used up", func() bool {
		got, err := throw(t, a, v, proto("message"), remote.AppendBlob(nil, []byte("one more")), true)
		return err == nil && string(got) == "\x01"
	})
}

func TestOtherKeyTypesAreRefused(t *testing.T) {
	v := victim(t, &remotetest.Handler{}, nil)
	for _, kind := range []int{crypto.Secp256k1, crypto.ECDSA, crypto.RSA} {
		a := attacker(t, kind)
		connect(t, a, v) // the dialler may believe in it for a moment
		if _, err := throw(t, a, v, proto("message"), remote.AppendBlob(nil, []byte("x")), true); err == nil {
			t.Errorf("key type %d was let in", kind)
		}
	}
	if v.Stats().RejectedGate == 0 {
		t.Error("not counted")
	}
}

func TestDeniedPeersAreRefused(t *testing.T) {
	a := attacker(t, crypto.Ed25519)
	v := victim(t, &remotetest.Handler{}, func(c *libp2p.Config) {
		c.Deny = func(id market.PeerID) bool { return libp2p.ToPeerID(id) == a.ID() }
	})
	connect(t, a, v)
	if _, err := throw(t, a, v, proto("message"), nil, true); err == nil {
		t.Error("it was let in")
	}
}

func TestStrangersAreDismissed(t *testing.T) {
	v := victim(t, &remotetest.Handler{}, func(c *libp2p.Config) { c.StrangerGrace = 200 * time.Millisecond })
	a := attacker(t, crypto.Ed25519)
	if err := connect(t, a, v); err != nil {
		t.Fatal(err)
	}
	remotetest.Eventually(t, "disconnection", func() bool { return a.Network().Connectedness(v.LibP2P().ID()) == network.NotConnected })
	if len(v.Peers()) != 0 || v.Stats().RejectedForeign == 0 {
		t.Errorf("members %v, %+v", v.Peers(), v.Stats())
	}
}

func TestEachListenAddressMustBind(t *testing.T) {
	first := newHost(t, nil)
	addrs := first.Self().Addrs
	for _, taken := range addrs {
		key, _, _ := crypto.GenerateEd25519Key(rand.Reader)
		cfg := libp2p.DefaultConfig()
		cfg.PrivateKey, cfg.Listen = key, []string{"/ip4/127.0.0.1/tcp/0", taken}
		h, err := libp2p.New(cfg)
		if err == nil {
			h.Close()
			t.Errorf("%s was bound twice", taken)
			continue
		}
		if !strings.Contains(err.Error(), taken) || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("the error names neither address nor remedy: %v", err)
		}
	}
	key, _, _ := crypto.GenerateEd25519Key(rand.Reader)
	cfg := libp2p.DefaultConfig()
	cfg.PrivateKey, cfg.Listen = key, []string{"/ip4/192.0.2.77/tcp/7401"}
	if h, err := libp2p.New(cfg); err == nil {
		h.Close()
		t.Error("bound an address that is not ours")
	} else if !strings.Contains(err.Error(), "no such address") {
		t.Error(err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	key, _, _ := crypto.GenerateEd25519Key(rand.Reader)
	rsa, _, _ := crypto.GenerateKeyPair(crypto.RSA, 2048)
	for name, change := range map[string]func(*libp2p.Config){
		"no key":           func(c *libp2p.Config) { c.PrivateKey = nil },
		"RSA key":          func(c *libp2p.Config) { c.PrivateKey = rsa },
		"short PSK":        func(c *libp2p.Config) { c.PSK = []byte("short") },
		"PSK with QUIC":    func(c *libp2p.Config) { c.PSK = make([]byte, 32); c.Listen = []string{"/ip4/0.0.0.0/udp/1/quic-v1"} },
		"bad address":      func(c *libp2p.Config) { c.Listen = []string{"nonsense"} },
		"no timeout":       func(c *libp2p.Config) { c.ReadTimeout = 0 },
		"unknown profile":  func(c *libp2p.Config) { c.Profile = 9 },
		"no codec":         func(c *libp2p.Config) { c.Codec = remote.Codec{} },
		"negative penalty": func(c *libp2p.Config) { c.PenaltyTime = -1 },
	} {
		cfg := libp2p.DefaultConfig()
		cfg.PrivateKey, cfg.Listen = key, []string{}
		change(&cfg)
		if h, err := libp2p.New(cfg); err == nil {
			h.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPublicTargetNeedsPermission(t *testing.T) {
	h := newHost(t, nil)
	_, err := h.FetchConfiguration(t.Context(), "8.8.8.8", "")
	if !errors.Is(err, remote.ErrRefused) || !strings.Contains(err.Error(), "--open") {
		t.Errorf("got %v", err)
	}
}

// A user who mistypes an address learns so in one line, and at once where the
// port refuses.
func TestNobodyAnswers(t *testing.T) {
	h := newHost(t, nil)
	_, err := h.FetchConfiguration(t.Context(), "127.0.0.1:1", "")
	if !errors.Is(err, remote.ErrUnreachable) || !strings.Contains(err.Error(), "/ip4/127.0.0.1/tcp/1: connection refused") {
		t.Errorf("got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %v", err)
	}
}
