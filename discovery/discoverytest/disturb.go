package discoverytest

import (
	"fmt"
	"strings"
	"time"

	"caravela/market"
)

// disturbance befalls the next messages of a kind.
type disturbance struct {
	what     string // "lose", "busy", "drop", "twice" or "slow"
	kind     string
	from, to *Node // nil = anybody
	left     int
	by       time.Duration
}

// disturb reads "lose KIND [n=1] [from=a] [to=b] [by=3s]".
func (w *World) disturb(what string, args []string) string {
	d := &disturbance{what: what, kind: args[0], left: 1, by: 3 * time.Second}
	var err error
	for _, a := range args[1:] {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "n":
			_, err = fmt.Sscan(v, &d.left)
		case "from":
			d.from = w.Node(v)
		case "to":
			d.to = w.Node(v)
		case "by":
			d.by, err = time.ParseDuration(v)
		default:
			return "unknown argument " + a
		}
		if err != nil {
			return err.Error()
		}
	}
	w.disturbed = append(w.disturbed, d)
	return ""
}

// disturbs returns what befalls a message; "" = nothing.
func (w *World) disturbs(from, to *Node, kind string) (string, time.Duration) {
	for _, d := range w.disturbed {
		if d.left > 0 && d.kind == kind && (d.from == nil || d.from == from) && (d.to == nil || d.to == to) {
			d.left--
			return d.what, d.by
		}
	}
	return "", 0
}

// forge delivers the newest message of a kind, or a kept one, as if n had
// sent it.
func (w *World) forge(n *Node, args []string) string {
	to, m := w.Node(args[0]), w.kept[args[1]]
	if m == nil {
		m = w.last[args[1]]
	}
	if to == nil || m == nil {
		return "nobody, or nothing, to forge"
	}
	w.Forge(n, to, m)
	return ""
}

// lie makes a node say something else than its peer does.
func (n *Node) lie(how string) string {
	switch how {
	case "off":
		n.Lie = nil
	case "empty", "misfit", "elsewhere", "flood":
		n.Lie = func(w *World, m market.Message) market.Message {
			if a, ok := m.(*market.Offers); ok {
				return falseAnswer(w, n, a, how)
			}
			return m
		}
	case "stale", "split":
		n.Lie = func(_ *World, m market.Message) market.Message {
			a, ok := m.(*market.OfferAck)
			switch {
			case ok && how == "stale":
				return &market.OfferAck{Seq: a.Seq + 7, Region: a.Region, Code: market.AckStale}
			case ok:
				return &market.OfferAck{Seq: a.Seq, Region: a.Region, Code: market.AckSplit}
			}
			return m
		}
	case "overbill":
		n.lieAboutUsage(600)
	case "underbill":
		n.lieAboutUsage(-600)
	default:
		return "unknown lie " + how
	}
	return ""
}

func falseAnswer(w *World, n *Node, a *market.Offers, how string) *market.Offers {
	f := &market.Offers{Ref: a.Ref, Region: a.Region, Trader: true}
	switch how {
	case "misfit": // every offer there is, whether it fits or not
		for _, m := range w.Nodes {
			if o := m.Peer.OwnOffer().Offer; o != nil {
				f.Offers = append(f.Offers, market.OfferAt{Offer: o})
			}
		}
	case "elsewhere":
		f.Region, f.Offers = market.Region{Platform: a.Region.Platform, Depth: 1, Shard: 3}, a.Offers
	case "flood": // regions without end, traded by the liar itself
		for shard := range uint32(market.MaxHints) {
			r := market.Region{Platform: a.Region.Platform, Depth: 2, Shard: shard}
			big := market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes, Disk: market.MaxBytes}
			f.Hints = append(f.Hints, market.Hint{Summary: market.Summary{Region: r, Offers: 1 << 20, Peaks: []market.Point{{Free: big, Class: 4}}}, Traders: []market.Ref{{Peer: n.ID}}})
		}
	}
	return f
}
