package node

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"caravela/api"
)

// Bounds of the webhook. An event that was refused, or could not be delivered
// in all these attempts, is dropped, counted and told of.
const (
	hookTimeout  = 10 * time.Second
	hookRetry    = time.Second // doubles up to hookRetryMax
	hookRetryMax = 5 * time.Minute
	hookAttempts = 12 // about 25 minutes
	hookSaveGap  = time.Second
)

// The headers of a delivery. The signature is the HMAC-SHA256, in hexadecimal,
// of the timestamp, a dot and the body.
const (
	hookSignature = "X-Caravela-Signature" // "sha256=..."
	hookTimestamp = "X-Caravela-Timestamp" // seconds since 1970
	hookDelivery  = "X-Caravela-Delivery"  // the same for each attempt
	hookEvent     = "X-Caravela-Event"     // "lease.granted"
)

// webhook tells a web address of what happens, in order, one event at a time:
// at least once each, over restarts too. Its queue is the feed of events: what
// has left that one before it was delivered is lost to the webhook.
type webhook struct {
	node      *Node
	client    http.Client
	told      uint64 // all events up to this number are done with
	saved     uint64
	savedAt   time.Time
	failing   bool
	delivered atomic.Uint64
	dropped   atomic.Uint64
	attempts  atomic.Uint64 // that failed
}

func (h *webhook) open(n *Node) (err error) {
	h.node = n
	h.client = http.Client{
		Transport: n.cfg.Webhook.Transport, Timeout: hookTimeout,
		// An answer that sends us elsewhere would take the events to where the
		// user did not want them.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	h.told, err = n.cfg.Dir.Told()
	if last := n.feed.last(); h.told > last || h.told == 0 {
		h.told = last // a new webhook is not told of the past
	}
	h.saved = h.told
	return err
}

func (h *webhook) run(ctx context.Context) {
	for ctx.Err() == nil {
		h.missed()
		events, changed := h.node.feed.after(h.told)
		for _, e := range events {
			if h.wanted(e) && !h.tell(ctx, e) {
				break
			}
			h.told = e.Seq
			h.save(false)
		}
		if len(events) > 0 && ctx.Err() == nil {
			continue
		}
		h.save(true)
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	h.save(true)
}

// missed counts the events that have left the feed before their turn, as if
// all had been wanted.
func (h *webhook) missed() {
	gone := h.node.feed.gone()
	if gone <= h.told {
		return
	}
	gap := gone - h.told
	h.told = gone
	h.dropped.Add(gap)
	h.node.happened(api.Event{Type: "webhook", Action: "dropped", Detail: fmt.Sprintf("up to %d events happened faster than they could be delivered", gap)})
}

func (h *webhook) wanted(e api.Event) bool {
	list := h.node.cfg.Webhook.Events
	return e.Type != "webhook" && (len(list) == 0 || slices.Contains(list, e.Type))
}

// save remembers how far the webhook is, not more often than it is worth.
func (h *webhook) save(now bool) {
	if h.saved == h.told || !now && time.Since(h.savedAt) < hookSaveGap {
		return
	}
	if err := h.node.cfg.Dir.SaveTold(h.told); err != nil {
		h.node.log.Warn("webhook's progress not saved; some events will be sent again", "error", err)
	}
	h.saved, h.savedAt = h.told, time.Now()
}

// tell delivers one event, or gives it up, and reports false when the node
// ends before either.
func (h *webhook) tell(ctx context.Context, e api.Event) bool {
	wait := hookRetry
	for attempt := 1; ; attempt++ {
		err := h.post(ctx, e)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			h.delivered.Add(1)
			h.changed(false, "")
			return true
		}
		h.attempts.Add(1)
		h.changed(true, err.Error())
		var no *refusedDelivery
		if errors.As(err, &no) || attempt == hookAttempts {
			h.dropped.Add(1)
			h.node.log.Warn("webhook event dropped", "event", e.Type+"."+e.Action, "attempts", attempt, "error", err)
			h.node.happened(api.Event{Type: "webhook", Action: "dropped", Detail: fmt.Sprintf("event %d (%s %s): %v", e.Seq, e.Type, e.Action, err)})
			return true
		}
		if !pause(ctx, wait) {
			return false
		}
		wait = min(2*wait, hookRetryMax)
	}
}

// changed tells that the webhook has begun to fail, or works again.
func (h *webhook) changed(failing bool, why string) {
	if h.failing == failing {
		return
	}
	h.failing = failing
	e := api.Event{Type: "webhook", Action: "works"}
	if failing {
		e.Action, e.Detail = "failing", why
		h.node.log.Warn("webhook does not take an event; it is tried again", "error", why)
	}
	h.node.happened(e)
}

// refusedDelivery is an answer that another attempt would not change.
type refusedDelivery struct{ status string }

// Error implements error.
func (r *refusedDelivery) Error() string { return "the webhook answers " + r.status }

// post makes one attempt.
func (h *webhook) post(ctx context.Context, e api.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.node.cfg.Webhook.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "caravela/"+h.node.cfg.Version.Version)
	req.Header.Set(hookEvent, e.Type+"."+e.Action)
	req.Header.Set(hookDelivery, h.node.self.Short()+"-"+strconv.FormatUint(e.Seq, 10))
	req.Header.Set(hookTimestamp, at)
	req.Header.Set(hookSignature, "sha256="+signature(h.node.cfg.Webhook.Secret, at, body))
	resp, err := h.client.Do(req)
	if err != nil {
		var to *url.Error // its text has the whole address, and that may hold a password
		if errors.As(err, &to) {
			err = to.Err
		}
		return fmt.Errorf("the webhook is not reached: %w", err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	_ = resp.Body.Close()
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 400 && code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooEarly && code != http.StatusTooManyRequests:
		return &refusedDelivery{resp.Status}
	default:
		return fmt.Errorf("the webhook answers %s", resp.Status)
	}
}

// signature proves who sends, and when: the receiver computes it again with
// the key that it shares with this node, and refuses old timestamps.
func signature(secret []byte, at string, body []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(at + "."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}
