package node_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"caravela/api"
	"caravela/node"
	"caravela/node/nodetest"
)

// receiver is a web address in memory. What it answers is up to the test.
type receiver struct {
	mu       sync.Mutex
	answer   func(n int, e api.Event) (status int, err error) // n counts the attempts; nil = 204
	attempts int
	got      []api.Event
	bad      []string
}

// RoundTrip implements http.RoundTripper.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	m := hmac.New(sha256.New, []byte("key"))
	m.Write([]byte(req.Header.Get("X-Caravela-Timestamp") + "." + string(body)))
	var e api.Event
	if want := "sha256=" + hex.EncodeToString(m.Sum(nil)); req.Header.Get("X-Caravela-Signature") != want || json.Unmarshal(body, &e) != nil ||
		req.Header.Get("X-Caravela-Event") != e.Type+"."+e.Action {
		r.bad = append(r.bad, string(body))
	}
	r.attempts++
	status := http.StatusNoContent
	if r.answer != nil {
		if status, err = r.answer(r.attempts, e); err != nil {
			return nil, err
		}
	}
	if status < 300 {
		r.got = append(r.got, e)
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Header: http.Header{"Location": {"http://elsewhere.example/"}},
		Body: io.NopCloser(strings.NewReader("")), Request: req,
	}, nil
}

// heard are the actions that arrived, in their order.
func (r *receiver) heard() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.got {
		out = append(out, e.Action)
	}
	return out
}

func hook(r *receiver, events ...string) node.Webhook {
	return node.Webhook{URL: "https://example.org/hook?token=hidden", Secret: []byte("key"), Events: events, Transport: r}
}

// TestWebhook: what happens is told in order, signed, and again until it is
// taken; what is refused for good is dropped, and that is told.
func TestWebhook(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		r := &receiver{answer: func(n int, e api.Event) (int, error) {
			switch {
			case n == 1:
				return 0, errors.New("connection refused")
			case n == 2:
				return http.StatusFound, nil // must not be followed
			case n == 3:
				return http.StatusInternalServerError, nil
			case e.Action == "resumed":
				return http.StatusUnauthorized, nil
			}
			return http.StatusNoContent, nil
		}}
		h := w.Host("seller")
		h.Webhook = hook(r, "offer")
		h.Start()
		ctx := t.Context()
		step := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		_, err := h.PauseOffer(ctx, api.PauseRequest{Reason: "one"})
		step(err)
		_, err = h.ResumeOffer(ctx)
		step(err)
		_, err = h.PauseOffer(ctx, api.PauseRequest{Reason: "two"})
		step(err)
		w.Until("the last event to be told", func() bool {
			heard := slices.DeleteFunc(r.heard(), func(a string) bool { return a != "paused" })
			return len(heard) == 2
		})
		if len(r.bad) > 0 {
			t.Errorf("not signed, or not what happened: %q", r.bad)
		}
		if slices.Contains(r.heard(), "ready") || slices.Contains(r.heard(), "resumed") {
			t.Errorf("heard %v", r.heard())
		}
		var told []string
		for _, e := range past(t, h, "webhook") {
			told = append(told, e.Action)
			if strings.Contains(e.Detail, "hidden") {
				t.Errorf("the address is shown with its secret: %s", e.Detail)
			}
		}
		if got := strings.Join(told, " "); got != "failing works failing dropped works" {
			t.Errorf("told of the webhook: %s", got)
		}
	})
}

// TestWebhookGoesOn: after a restart the webhook is told of what it missed,
// once, and of nothing older.
func TestWebhookGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		var down sync.Map
		r := &receiver{answer: func(int, api.Event) (int, error) {
			if _, is := down.Load("down"); is {
				return http.StatusServiceUnavailable, nil
			}
			return http.StatusOK, nil
		}}
		h := w.Host("seller")
		h.Webhook = hook(r, "offer")
		h.Start()
		pauseOffer := func(reason string) {
			if _, err := h.PauseOffer(t.Context(), api.PauseRequest{Reason: reason}); err != nil {
				t.Fatal(err)
			}
		}
		count := func(reason string) (n int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, e := range r.got {
				if e.Detail == reason {
					n++
				}
			}
			return n
		}
		pauseOffer("before")
		w.Until("the first to be told", func() bool { return count("before") == 1 })
		down.Store("down", true)
		pauseOffer("meanwhile")
		pauseVirtual(5 * time.Second)
		h.Restart()
		down.Delete("down")
		w.Until("the second to be told", func() bool { return count("meanwhile") == 1 })
		pauseOffer("after")
		w.Until("the third to be told", func() bool { return count("after") == 1 })
		if count("before") != 1 || count("meanwhile") != 1 {
			t.Errorf("told %d and %d times", count("before"), count("meanwhile"))
		}
	})
}

// TestWebhookGivesUp: an address that never answers costs its events, not
// memory: each is dropped after its last attempt.
func TestWebhookGivesUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		r := &receiver{answer: func(int, api.Event) (int, error) { return http.StatusBadGateway, nil }}
		h := w.Host("seller")
		h.Webhook = hook(r, "offer")
		h.Start()
		w.Until("an offer", func() bool { return offers(t, h) == 1 })
		pauseVirtual(30 * time.Minute)
		dropped := slices.ContainsFunc(past(t, h, "webhook"), func(e api.Event) bool { return e.Action == "dropped" })
		r.mu.Lock()
		defer r.mu.Unlock()
		if !dropped || r.attempts < 12 || r.attempts > 40 {
			t.Errorf("dropped %v after %d attempts", dropped, r.attempts)
		}
	})
}

// TestWebhookOverHTTP: the same over a real connection.
func TestWebhookOverHTTP(t *testing.T) {
	got := make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Caravela-Event")
	}))
	defer s.Close()
	w := nodetest.New(t)
	defer w.Close()
	h := w.Host("seller")
	h.Webhook = node.Webhook{URL: s.URL + "/hook", Secret: []byte("key"), Events: []string{"node"}}
	h.Start()
	if e := <-got; e != "POST /hook node.ready" {
		t.Errorf("got %s", e)
	}
}

// TestEventsLast: what happened is still told after a restart, in order, and
// the numbers go on.
func TestEventsLast(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		h := w.Start("alone")[0]
		w.Until("an offer", func() bool { return offers(t, h) == 1 })
		h.MustRun(nodetest.Request("sleep"))
		pauseVirtual(time.Second)
		before := past(t, h, "")
		h.Restart()
		after := past(t, h, "")
		if len(after) <= len(before) || !slices.EqualFunc(before, after[:len(before)], func(a, b api.Event) bool {
			return a.Seq == b.Seq && a.At.Equal(b.At) && a.Action == b.Action && a.Container == b.Container
		}) {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
		if !slices.IsSortedFunc(after, func(a, b api.Event) int { return int(a.Seq) - int(b.Seq) }) {
			t.Error("numbers do not grow")
		}
	})
}
