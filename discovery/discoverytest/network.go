package discoverytest

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"caravela/market"
)

// Part puts nodes on the two sides of a cut; Heal joins them again.
func (w *World) Part(side ...*Node) {
	for _, n := range w.Nodes {
		n.side = 0
	}
	for _, n := range side {
		n.side = 1
	}
}

// Heal ends a partition, and lets everybody see everybody.
func (w *World) Heal() {
	w.Part()
	for _, n := range w.Nodes {
		for _, m := range w.Nodes {
			if n != m && n.Up && m.Up {
				w.after(w.Latency, n, market.Near{Peer: market.Ref{Peer: m.ID}})
			}
		}
	}
}

func (w *World) connected(a, b *Node) bool { return a.side == b.side }

// Forge delivers a message as if from had sent it, whatever its peer thinks.
func (w *World) Forge(from, to *Node, m market.Message) {
	w.after(w.Latency, to, market.Received{From: market.Ref{Peer: from.ID}, Msg: m})
}

func (w *World) send(n *Node, s market.Send) {
	kind := Kind(s.Msg)
	to := w.byID(s.To.Peer)
	if to == nil {
		w.fail("%s sends %s to nobody", n.Name, kind)
		return
	}
	w.checkSend(n, s)
	if n.Lie != nil {
		s.Msg = n.Lie(w, s.Msg)
	}
	if w.Signed {
		s.Msg = w.carried(n, s.Msg)
	}
	w.Counts[kind]++
	w.last[kind] = s.Msg
	if w.old = append(w.old, letter{n, to, s.Msg}); len(w.old) > w.keep {
		w.old = w.old[len(w.old)-w.keep:]
	}
	if w.Trace != nil {
		w.tracef("%s -> %s %s", n.Name, to.Name, describe(s.Msg))
	}
	fate, by := w.disturbs(n, to, kind)
	if w.Lose != nil && w.Lose(n, to, s.Msg) || !to.Up || !w.connected(n, to) {
		fate = "lose"
	}
	if w.Twice != nil && w.Twice(n, to, s.Msg) {
		fate = "twice"
	}
	ev := market.Received{From: market.Ref{Peer: n.ID}, Msg: s.Msg}
	switch fate {
	case "lose", "busy":
		w.later(2*w.Latency, n, market.Undelivered{To: s.To.Peer, Msg: s.Msg, Busy: fate == "busy"})
	case "twice":
		w.deliver(n, to, ev, 0)
		w.deliver(n, to, ev, by)
	case "", "slow":
		w.deliver(n, to, ev, by)
	}
}

// carried is a message as it comes out of the wire: read again, and every
// signature verified.
func (w *World) carried(n *Node, m market.Message) market.Message {
	data, err := market.EncodeMessage(m)
	if err == nil {
		var again market.Message
		if again, err = market.DecodeMessage(data); err == nil {
			return again
		}
	}
	w.fail("%s sends a %s that cannot be read: %v", n.Name, Kind(m), err)
	return m
}

// deliver brings a message over, unless a partition comes in between.
func (w *World) deliver(n, to *Node, ev market.Received, late time.Duration) {
	d := w.Latency + late
	if w.Jitter > 0 {
		d += time.Duration(w.rng.IntN(int(w.Jitter)))
	}
	w.do(d, func() {
		if !to.Up || !w.connected(n, to) {
			return
		}
		w.ghost.deliver(w, n, to, ev.Msg)
		if at, cut := to.cutOn[Kind(ev.Msg)]; cut {
			to.CutAt, to.cutOn = at, nil
		}
		w.Step(to, ev)
	})
}

func (w *World) lookup(n *Node, l market.Lookup) {
	w.Counts["(lookup)"]++
	w.tracef("%s looks up", n.Name)
	w.later(4*w.Latency, n, market.Found{Ref: l.Ref, Peers: w.nearest(n, l.Key, l.N)})
}

func (w *World) nearest(n *Node, k market.Key, count int) []market.Ref {
	type ranked struct {
		d [32]byte
		n *Node
	}
	var up []ranked
	for _, m := range w.Nodes {
		if m.Up && m.Trader && w.connected(n, m) {
			up = append(up, ranked{market.Distance(m.ID, k), m})
		}
	}
	slices.SortFunc(up, func(a, b ranked) int { return slices.Compare(a.d[:], b.d[:]) })
	var refs []market.Ref
	for _, m := range up[:min(count, len(up))] {
		refs = append(refs, market.Ref{Peer: m.n.ID})
	}
	return refs
}

// describe is one line about a message.
func describe(m market.Message) string {
	s := Kind(m)
	switch m := m.(type) {
	case *market.CreateOffer:
		s += fmt.Sprintf(" %d in %v", m.Offer.Seq, m.Region)
	case *market.UpdateOffer:
		s += fmt.Sprintf(" %d in %v", m.Offer.Seq, m.Region)
	case *market.OfferAck:
		s += fmt.Sprintf(" %d in %v: %d", m.Seq, m.Region, m.Code)
	case *market.RefreshOffer:
		s += fmt.Sprintf(" %d in %v: %d", m.Seq, m.Region, m.Code)
	case *market.RefreshAck:
		s += fmt.Sprintf(" in %v: %v", m.Region, m.Offer != nil)
	case *market.RemoveOffer:
		s += fmt.Sprintf(" %d in %v", m.Seq, m.Region)
	case *market.AdvertiseOffersNeighbor:
		s += fmt.Sprintf(" %d in %v", m.Summary.Offers, m.Summary.Region)
	case *market.Offers:
		s += fmt.Sprintf(" %d of %v", len(m.Offers), m.Region)
	case *market.StatusUpdate:
		s += " " + m.Status.State.String()
	case *market.StopContainer:
		s += " " + m.Op.String()
	}
	return s
}

// Kind is a message's name.
func Kind(m market.Message) string { return reflect.TypeOf(m).Elem().Name() }
