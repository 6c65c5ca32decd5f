package remote_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"caravela/market"
	"caravela/remote"
)

func FuzzReadFrame(f *testing.F) {
	for _, fr := range []remote.Frame{{Kind: remote.Stdout, Data: []byte("x")}, {Kind: remote.Exit, Data: make([]byte, 4)}, {Kind: remote.Data}} {
		b, _ := remote.AppendFrame(nil, fr)
		f.Add(b)
	}
	f.Add([]byte{1, 0xff, 0xff})
	f.Add([]byte{99, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := remote.ReadFrame(bytes.NewReader(b), nil)
		if err != nil {
			return
		}
		again, err := remote.AppendFrame(nil, fr)
		if err != nil || !bytes.HasPrefix(b, again) {
			t.Errorf("%x was read as %+v, which is written as %x, error %v", b, fr, again, err)
		}
	})
}

func FuzzReadBlob(f *testing.F) {
	f.Add(remote.AppendBlob(nil, []byte("hello")))
	f.Add([]byte{0x80, 0x00})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 1000
		v, err := remote.ReadBlob(bufio.NewReader(bytes.NewReader(b)), most)
		if err != nil {
			return
		}
		if len(v) > most || !bytes.HasPrefix(b, remote.AppendBlob(nil, v)) {
			t.Errorf("%x was read as %x", b, v)
		}
	})
}

func FuzzReadHeader(f *testing.F) {
	b, _ := remote.Header{Kind: "logs", Lease: market.LeaseID{1}, Args: []byte("{}")}.Append(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := remote.ReadHeader(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		again, err := h.Append(nil)
		if err != nil || !bytes.HasPrefix(b, again) {
			t.Errorf("%x was read as %+v, error %v", b, h, err)
		}
	})
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "10.0.0.1:7401", "[::1]:80", "::1", "host.example", "/ip4/1.2.3.4/tcp/1/p2p/x", "fe80::1%eth0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := remote.ParseTarget(s)
		if err == nil && (len(target.Addrs) == 0 || target.Addrs[0] == "") {
			t.Errorf("%q: no address", s)
		}
		if err != nil && !errors.Is(err, remote.ErrTarget) {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func TestParseTarget(t *testing.T) {
	id := market.PeerID{5}
	for s, want := range map[string][]string{
		"10.0.0.1":                              {"/ip4/10.0.0.1/tcp/7401", "/ip4/10.0.0.1/udp/7401/quic-v1"},
		"\t10.0.0.1:80\n":                       {"/ip4/10.0.0.1/tcp/80", "/ip4/10.0.0.1/udp/80/quic-v1"},
		"::1":                                   {"/ip6/::1/tcp/7401", "/ip6/::1/udp/7401/quic-v1"},
		"[::1]:80":                              {"/ip6/::1/tcp/80", "/ip6/::1/udp/80/quic-v1"},
		"fe80::1%eth0":                          {"/ip6zone/eth0/ip6/fe80::1/tcp/7401", "/ip6zone/eth0/ip6/fe80::1/udp/7401/quic-v1"},
		"cedar.lan:80":                          {"/dns/cedar.lan/tcp/80", "/dns/cedar.lan/udp/80/quic-v1"},
		"/ip4/10.0.0.1/tcp/1":                   {"/ip4/10.0.0.1/tcp/1"},
		"/ip4/1.1.1.1/tcp/1/p2p/" + id.String(): {"/ip4/1.1.1.1/tcp/1"},
		"/ip4/1.1.1.1/tcp/1/p2p/" + market.PeerID{6}.String() + "/p2p-circuit/p2p/" + id.String(): {
			"/ip4/1.1.1.1/tcp/1/p2p/" + market.PeerID{6}.String() + "/p2p-circuit"},
	} {
		got, err := remote.ParseTarget(s)
		if err != nil || !slices.Equal(got.Addrs, want) {
			t.Errorf("%q: got %v, error %v", s, got.Addrs, err)
		}
		if got.Known != strings.Contains(s, "/p2p/") || got.Known && got.ID != id {
			t.Errorf("%q: identity %v, known %v", s, got.ID, got.Known)
		}
	}
}

func TestFrameBounds(t *testing.T) {
	for _, f := range []remote.Frame{
		{Kind: 0}, {Kind: 200}, {Kind: remote.Data, Data: make([]byte, remote.MaxFrame+1)},
		{Kind: remote.Exit, Data: make([]byte, 3)}, {Kind: remote.Resize},
	} {
		if _, err := remote.AppendFrame(nil, f); !errors.Is(err, remote.ErrFrame) {
			t.Errorf("kind %d, %d bytes: %v", f.Kind, len(f.Data), err)
		}
	}
	whole, err := remote.AppendFrame(nil, remote.Frame{Kind: remote.Data, Data: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		_, err := remote.ReadFrame(bytes.NewReader(whole[:n]), nil)
		if n == 0 && !errors.Is(err, io.EOF) || n > 0 && !errors.Is(err, remote.ErrFrame) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	f, err := remote.ReadFrame(iotest.OneByteReader(bytes.NewReader(whole)), make([]byte, 0, 64))
	if err != nil || string(f.Data) != "hello" {
		t.Errorf("byte by byte: %q, %v", f.Data, err)
	}
}

// An announced length costs nothing before the bytes are there.
func TestBlobDoesNotTrustLengths(t *testing.T) {
	cut := []byte{0x80, 0x80, 0x20} // 512 KiB announced
	avg := testing.AllocsPerRun(10, func() {
		if _, err := remote.ReadBlob(bufio.NewReaderSize(bytes.NewReader(cut), 16), remote.MaxMessage); err == nil {
			t.Error("no error")
		}
	})
	if avg > 8 {
		t.Errorf("%v allocations", avg)
	}
	if _, err := remote.ReadBlob(bufio.NewReader(bytes.NewReader([]byte{0x81, 0x80, 0x20})), remote.MaxMessage); !errors.Is(err, remote.ErrTooLarge) {
		t.Errorf("oversized: %v", err)
	}
}

func TestStatusRoundTrip(t *testing.T) {
	for _, err := range []error{nil, remote.ErrBusy, remote.ErrMalformed, remote.ErrRefused} {
		if got := remote.StatusOf(err).Err(); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if err := remote.Status(77).Err(); !errors.Is(err, remote.ErrUnknown) {
		t.Errorf("status 77: %v", err)
	}
}
