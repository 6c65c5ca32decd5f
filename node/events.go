package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"caravela/api"
	"caravela/market"
)

// maxEvents bounds what is remembered of the past.
const maxEvents = 1024

// feed is what happened at this node, for `caravela events`.
type feed struct {
	mu      sync.Mutex
	seq     uint64
	events  []api.Event
	changed chan struct{}
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

func (f *feed) add(e api.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	e.Seq, e.At = f.seq, time.Now().UTC()
	if len(f.events) == maxEvents {
		f.events = slices.Delete(f.events, 0, maxEvents/8)
	}
	f.events = append(f.events, e)
	close(f.changed)
	f.changed = make(chan struct{})
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
	switch k.Kind {
	case market.NoteBadMessage:
		n.log.Warn("peer broke the protocol", attrs...)
		return
	case market.NotePublished, market.NoteUnpublished:
		e.Type = "offer"
	case market.NoteGranted, market.NoteLeaseEnded, market.NoteBought, market.NoteRenewed, market.NoteUndone, market.NoteRefused:
		e.Type = "lease"
	default:
		n.log.Debug(k.Kind.String(), attrs...)
		return
	}
	n.log.Info(k.Kind.String(), attrs...)
	n.happened(e)
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
