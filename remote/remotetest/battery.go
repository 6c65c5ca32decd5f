package remotetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"caravela/market"
	"caravela/remote"
)

// Patience is how long the battery waits for what must happen.
const Patience = 20 * time.Second

// Start brings up one node a handler. A nil handler means that the node does
// not serve yet. All nodes are closed when the test ends.
type Start func(t *testing.T, network market.NetworkID, handlers []remote.Handler) []remote.Transport

// Target returns what a user would type to join a node of this transport.
type Target func(remote.Transport) string

// Run holds a transport against the contract.
func Run(t *testing.T, start Start, target Target) {
	for _, p := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"Delivery", testDelivery},
		{"ToSelf", testToSelf},
		{"ConcurrentSends", testConcurrentSends},
		{"UnknownPeer", testUnknownPeer},
		{"OversizedIsNotSent", testOversized},
		{"AnswersAreTyped", testAnswers},
		{"UndecodableIsMalformed", testUndecodable},
		{"SlowReceiverBlocksNobodyElse", testSlowReceiver},
		{"SilentHandlerIsBounded", testSilentHandler},
		{"CancelledBeforeSend", testCancelledSend},
		{"BeforeServe", testBeforeServe},
		{"OtherNetworkIsForeign", testForeign},
		{"AfterClose", testAfterClose},
		{"StreamHalfClose", testHalfClose},
		{"StreamExitCode", testExitCode},
		{"StreamFailure", testFailure},
		{"StreamBackpressure", testBackpressure},
		{"StreamIntact", testIntact},
		{"StreamToSelf", testStreamToSelf},
		{"StreamCancelReachesHandler", testStreamCancel},
		{"StreamPeerDies", testStreamPeerDies},
		{"StreamBadHeader", testBadHeader},
		{"Configuration", func(t *testing.T, w *world) { testConfiguration(t, w, target) }},
		{"ConfigurationRefused", func(t *testing.T, w *world) { testConfigurationRefused(t, w, target) }},
		{"ConfigurationTargets", func(t *testing.T, w *world) { testTargets(t, w, target) }},
		{"PresenceIsObserved", testPresence},
		{"Ping", testPing},
	} {
		t.Run(p.name, func(t *testing.T) { p.test(t, &world{start: start}) })
	}
}

// world starts nodes for one property.
type world struct{ start Start }

func networkID(name string) market.NetworkID { return market.NetworkID(market.KeyOf(name)) }

func (w *world) nodes(t *testing.T, handlers ...remote.Handler) []remote.Transport {
	t.Helper()
	return w.start(t, networkID("one"), handlers)
}

// Text is a message of any size. It satisfies the market's sealed interface
// by embedding it.
type Text struct {
	market.Message
	Data string
}

// Codec writes Text as it is. Messages that begin with "undecodable" are
// encoded and then cannot be decoded.
func Codec() remote.Codec {
	return remote.Codec{
		Encode: func(m remote.Message) ([]byte, error) {
			t, ok := m.(Text)
			if !ok {
				return nil, fmt.Errorf("remotetest: message %T", m)
			}
			return []byte(t.Data), nil
		},
		Decode: func(b []byte) (remote.Message, error) {
			if len(b) >= 11 && string(b[:11]) == "undecodable" {
				return nil, errors.New("remotetest: as asked")
			}
			return Text{Data: string(b)}, nil
		},
	}
}

// Handler records what it hears and answers as its fields say.
type Handler struct {
	OnReceive       func(ctx context.Context, from remote.Peer, text string) error
	OnAccept        func(ctx context.Context, from market.PeerID, h remote.Header, s *remote.Stream)
	OnConfiguration func(from remote.Newcomer, token string) ([]byte, error)

	mu     sync.Mutex
	heard  []string
	events []remote.Event
}

// Receive records the message.
func (h *Handler) Receive(ctx context.Context, from remote.Peer, msg remote.Message) error {
	h.mu.Lock()
	h.heard = append(h.heard, msg.(Text).Data)
	h.mu.Unlock()
	if h.OnReceive != nil {
		return h.OnReceive(ctx, from, msg.(Text).Data)
	}
	return nil
}

// Accept serves a stream.
func (h *Handler) Accept(ctx context.Context, from market.PeerID, head remote.Header, s *remote.Stream) {
	if h.OnAccept != nil {
		h.OnAccept(ctx, from, head, s)
	}
}

// Configuration answers a newcomer.
func (h *Handler) Configuration(_ context.Context, from remote.Newcomer, token string) ([]byte, error) {
	if h.OnConfiguration != nil {
		return h.OnConfiguration(from, token)
	}
	return nil, errors.New("nothing to see here")
}

// Observe records the event.
func (h *Handler) Observe(e remote.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// Heard returns the messages so far.
func (h *Handler) Heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.heard...)
}

// Saw reports whether the last event about a peer is of this kind.
func (h *Handler) Saw(kind remote.EventKind, id market.PeerID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.events) - 1; i >= 0; i-- {
		if e := h.events[i]; e.Peer.ID == id {
			return e.Kind == kind
		}
	}
	return false
}

// Eventually polls until ok holds, or fails the test.
func Eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, Patience)
		}
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v; want %v", err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
