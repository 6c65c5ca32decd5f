package node

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"caravela/api"
	"caravela/market"
)

// maxEvents bounds what is remembered of the past.
const maxEvents = 1024

// usageEvent is the type of what happens to every running lease all the time.
// It is told to whoever listens, and makes way for all else.
const usageEvent = "usage"

// feed is what happened at this node, for `caravela events`.
type feed struct {
	mu      sync.Mutex
	seq     uint64
	events  []api.Event
	unsaved []api.Event // that are not on disk yet
	lost    uint64      // the newest that had to go before others, usage left out
	changed chan struct{}
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

func (f *feed) add(e api.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	e.Seq, e.At = f.seq, time.Now().UTC()
	f.makeRoom()
	f.events = append(f.events, e)
	if e.Type != usageEvent && len(f.unsaved) < maxUnsaved {
		f.unsaved = append(f.unsaved, e)
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// makeRoom drops usage, older than a quarter of all that is kept, and where
// that is not enough the oldest events.
func (f *feed) makeRoom() {
	if len(f.events) < maxEvents {
		return
	}
	older := f.events[:maxEvents*3/4]
	kept := slices.DeleteFunc(slices.Clone(older), func(e api.Event) bool { return e.Type == usageEvent })
	if room := maxEvents/8 - (len(older) - len(kept)); room > 0 {
		f.lost = kept[room-1].Seq
		kept = kept[room:]
	}
	f.events = append(kept, f.events[len(older):]...)
}

// gone is the newest event that had to go before others.
func (f *feed) gone() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

// fill takes what an earlier life has kept; numbers go on from there.
func (f *feed) fill(events []api.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = events
	if len(events) > 0 {
		f.seq = events[len(events)-1].Seq
		if len(events) >= maxEvents {
			f.lost = events[0].Seq - 1
		}
	}
}

// unkept returns the events that are not on disk yet, once.
func (f *feed) unkept() []api.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.unsaved
	f.unsaved = nil
	return list
}

// wait returns a channel that is closed at the next event.
func (f *feed) wait() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// after returns the events with a higher number, and a channel that is closed
// at the next one.
func (f *feed) after(seq uint64) ([]api.Event, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, _ := slices.BinarySearchFunc(f.events, seq+1, func(e api.Event, seq uint64) int {
		switch {
		case e.Seq < seq:
			return -1
		case e.Seq > seq:
			return 1
		}
		return 0
	})
	return slices.Clone(f.events[i:]), f.changed
}

func (f *feed) last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

func (n *Node) happened(e api.Event) { n.feed.add(e) }

// Events implements api.Backend.
func (n *Node) Events(ctx context.Context, opts api.EventOptions, emit func(api.Event) error) error {
	var seq uint64
	if opts.Since.IsZero() {
		seq = n.feed.last()
	}
	for {
		events, changed := n.feed.after(seq)
		for _, e := range events {
			seq = e.Seq
			if e.At.Before(opts.Since) || opts.Type != "" && opts.Type != e.Type {
				continue
			}
			if err := emit(e); err != nil {
				return err
			}
		}
		if !opts.Follow {
			return nil
		}
		select {
		case <-changed:
		case <-n.loop.Done():
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// note logs, counts and tells what the machine noticed.
func (n *Node) note(k market.Note) {
	n.stats.noted(k.Kind)
	attrs := []any{"peer", k.Peer.Short(), "what", k.Text}
	if !k.Unit.IsZero() {
		attrs = append(attrs, "unit", k.Unit.Short())
	}
	e := api.Event{Action: k.Kind.String(), Node: k.Peer.String(), Detail: k.Text}
	if !k.Unit.IsZero() {
		e.Container = k.Unit.String()
	}
	if k.Kind == market.NoteBadMessage {
		n.log.Warn("peer broke the protocol", attrs...)
		return
	}
	if e.Type = eventType(k.Kind); e.Type == "" {
		n.log.Debug(k.Kind.String(), attrs...)
		return
	}
	level := slog.LevelInfo
	if e.Type == usageEvent {
		level = slog.LevelDebug
	}
	n.log.Log(n.crew.ctx, level, k.Kind.String(), attrs...)
	n.happened(e)
}

// eventType is where a fact belongs in the API; "" = it is of no interest there.
func eventType(k market.NoteKind) string {
	switch k {
	case market.NotePublished, market.NoteUnpublished:
		return "offer"
	case market.NoteGranted, market.NoteLeaseEnded, market.NoteBought, market.NoteRenewed, market.NoteUndone, market.NoteRefused, market.NoteHeld:
		return "lease"
	case market.NoteNotice, market.NoteUnacked:
		return "notice"
	case market.NoteBilled, market.NoteCharged:
		return usageEvent
	case market.NoteDisputed, market.NoteReceipt:
		return "bill"
	case market.NoteSettled, market.NoteProposed:
		return "ledger"
	case market.NoteAccount:
		return "peer"
	}
	return ""
}

// unitNews tells of a unit's new status. A unit that this node bought from
// itself is told of once, as bought.
func (n *Node) unitNews(unit market.LeaseID, s market.Status, bought bool) {
	e := api.Event{
		Type: "container", Action: s.State.String(), Container: unit.String(), Reason: s.Reason.String(), Detail: s.Detail,
	}
	e.ExitCode = api.LifeOf(s, false).ExitCode
	n.log.Debug("unit", "unit", unit.Short(), "state", s.State.String(), "reason", s.Reason.String(), "bought", bought)
	n.happened(e)
}
