package market

import (
	"fmt"
	"strings"
	"time"
)

// Strategy ranks the offers that fit.
type Strategy uint8

// The strategies. The seller with the least (Binpack) or the most (Spread)
// left over is preferred, or the one with the lowest price.
const (
	Binpack Strategy = iota
	Spread
	Cheapest // what costs least for the wanted term, with the start fee; of equal ones as Binpack
)

// String returns the value of the --strategy flag.
func (s Strategy) String() string { return name(int(s), "binpack", "spread", "cheapest") }

// Constraint asks something of the supplier's labels.
type Constraint struct {
	Key, Value string
	Not        bool // the label must differ, or be absent
}

// String returns the form of the --constraint flag.
func (c Constraint) String() string {
	if c.Not {
		return c.Key + "!=" + c.Value
	}
	return c.Key + "==" + c.Value
}

// ParseConstraint reads "region==eu" and "node.labels.region!=eu".
func ParseConstraint(s string) (Constraint, error) {
	op := "=="
	if strings.Contains(s, "!=") {
		op = "!="
	}
	k, v, ok := strings.Cut(s, op)
	k = strings.TrimPrefix(strings.TrimSpace(k), "node.labels.")
	v = strings.TrimSpace(v)
	odd := strings.ContainsAny(k, "=!, \x00") || strings.TrimSpace(k) != k || strings.HasPrefix(k, "node.labels.")
	if !ok || k == "" || odd || len(k) > MaxLabel || len(v) > MaxLabel {
		return Constraint{}, fmt.Errorf("%w: constraint %q is not like region==eu or region!=eu", ErrBadQuantity, clip(s))
	}
	return Constraint{Key: k, Value: v, Not: op == "!="}, nil
}

// MaxConstraints and MaxExclude bound a Want.
const (
	MaxConstraints = 32
	MaxExclude     = 64
)

// Want is the part of a request that traders filter by.
type Want struct {
	Need        Resources
	Platform    Platform
	Class       CPUClass
	Strategy    Strategy
	Publishes   bool // some port is published: a relayed supplier does not serve
	MaxPriceSet bool
	MaxPrice    Micro // most that an hour of Need may cost, the first with its start fee; 0 with MaxPriceSet = free only
	Constraints []Constraint
	Ports       []uint16 // host ports that are asked for by number
	Term        time.Duration
	On          PeerID   // only this supplier; zero = any
	Exclude     []PeerID // not these
	Unit        string   // in which prices must be; "" = any. What is free fits any
}

// MissKind is why an offer does not fit.
type MissKind uint8

// The kinds of misses, in the order in which they are looked for.
const (
	MissNone MissKind = iota
	MissExcluded
	MissNode
	MissPlatform
	MissClass
	MissLabel
	MissReach
	MissPort
	MissTerm
	MissCPU
	MissMemory
	MissDisk
	MissRefused  // the supplier itself said no; Reason tells
	MissTaken    // it has a replica of the same request already, and they are to be kept apart
	MissPromised // it was shown to another buyer just now
	MissPrice    // it costs more, or in another unit
	maxMiss
)

// String returns one or two words.
func (k MissKind) String() string {
	return name(int(k), "fits", "excluded", "other node", "platform", "cpu class", "label", "reachability", "port",
		"term", "cpu", "memory", "disk", "refused", "has a replica already", "promised to another", "price")
}

// Miss returns the first reason for which o does not serve w, and how many
// reasons there are in all; MissNone and 0 when it fits.
func (w *Want) Miss(o *Offer) (first MissKind, misses int) {
	miss := func(k MissKind, is bool) {
		if !is {
			return
		}
		if misses == 0 {
			first = k
		}
		misses++
	}
	for _, x := range w.Exclude {
		if x == o.Supplier {
			return MissExcluded, 1
		}
	}
	miss(MissNode, !w.On.IsZero() && w.On != o.Supplier)
	miss(MissPlatform, !o.Platform.Serves(w.Platform))
	miss(MissClass, o.Class < w.Class)
	miss(MissLabel, w.failed(o) != nil)
	miss(MissReach, w.Publishes && o.Reach == ReachRelayed)
	miss(MissPort, w.portOut(o))
	miss(MissTerm, o.Longest > 0 && w.Term > o.Longest)
	miss(MissCPU, w.Need.CPU > o.Free.CPU)
	miss(MissMemory, w.Need.Memory > o.Free.Memory)
	miss(MissDisk, w.Need.Disk > o.Free.Disk)
	miss(MissPrice, w.Priced() && w.dear(o.Terms))
	return first, misses
}

// Priced reports whether w minds what an offer costs.
func (w *Want) Priced() bool { return w.MaxPriceSet || w.Unit != "" }

func (w *Want) dear(t *Terms) bool {
	p := PriceOf(t)
	switch {
	case p.IsFree():
		return false
	case w.Unit != "" && w.Unit != p.Unit:
		return true
	}
	return w.MaxPriceSet && (w.MaxPrice == 0 || p.FirstHour(w.Need) > w.MaxPrice)
}

// failed returns the first constraint that o's labels break.
func (w *Want) failed(o *Offer) *Constraint {
	for i, c := range w.Constraints {
		v, ok := LabelValue(o.Labels, c.Key)
		if c.Key == "node.name" || c.Key == "name" && !ok {
			v, ok = o.Name, true
		}
		if (ok && v == c.Value) == c.Not {
			return &w.Constraints[i]
		}
	}
	return nil
}

func (w *Want) portOut(o *Offer) bool {
	for _, p := range w.Ports {
		if p < o.PortLow || p > o.PortHigh {
			return true
		}
	}
	return false
}

// Score orders the offers that fit w: smaller is better. It is the leftover
// of the scarcer resource in thousandths of the supplier's total, from -1000
// to 1000. With Cheapest a dearer offer is worse by at least ScoreOfPrice for
// each micro-unit that Need costs more over the term: no leftover makes up for
// it. Units are not converted; a buyer who wants that names one (Unit).
func (w *Want) Score(o *Offer) int64 {
	s := w.leftover(o)
	switch w.Strategy {
	case Spread:
		return -s
	case Cheapest:
		return int64(w.cost(o.Terms))*ScoreOfPrice + s
	}
	return s
}

// ScoreOfPrice is what a micro-unit counts in the score of Cheapest. Scores of
// equal prices differ by less.
const ScoreOfPrice = 1 << 11

// cost is the price of the term; of an hour where none is given.
func (w *Want) cost(t *Terms) Micro {
	seconds := uint64(max(w.Term, 0) / time.Second)
	if seconds == 0 {
		seconds = secondsPerHour
	}
	return PriceOf(t).Amount(w.Need, Usage{Running: seconds})
}

func (w *Want) leftover(o *Offer) int64 {
	left := o.Free.Sub(w.Need)
	cpu := int64(left.CPU) * 1000 / max(1, int64(o.Total.CPU))
	mem := int64(left.Memory/MiB) * 1000 / max(1, int64(o.Total.Memory/MiB))
	return min(cpu, mem)
}

// Tally is why offers were left out: what a "why not" table is made of.
type Tally struct {
	Regions uint32   // asked
	Offers  uint32   // looked at
	Fit     uint32   // that fitted
	Misses  []Miss   // sorted by kind, then detail
	Near    *Nearest // an offer that misses one thing only
}

// Miss is one line of a Tally.
type Miss struct {
	Kind   MissKind
	Count  uint32
	Detail string // the broken constraint, the supplier's reason, or the unit of its price
	Best   int64  // with cpu, memory, disk: the largest that was free; with price: the lowest first hour, in micro-units
}

// Nearest is the offer that came closest.
type Nearest struct {
	Supplier PeerID
	Name     string
	Kind     MissKind
	Have     int64  // what it has of the missing resource; with price: what it asks for the first hour, in micro-units
	Unit     string // with price
}

// MaxMisses bounds the lines of a Tally on the wire.
const MaxMisses = 32

// Look counts one offer, and reports whether it fits w.
func (t *Tally) Look(w *Want, o *Offer) bool {
	t.Offers++
	kind, misses := w.Miss(o)
	if misses == 0 {
		t.Fit++
		return true
	}
	m := Miss{Kind: kind, Count: 1}
	switch kind {
	case MissCPU:
		m.Best = int64(o.Free.CPU)
	case MissMemory:
		m.Best = int64(o.Free.Memory)
	case MissDisk:
		m.Best = int64(o.Free.Disk)
	case MissLabel:
		m.Detail = w.failed(o).String()
	case MissPrice:
		m.Detail, m.Best = o.Terms.Price.Unit, int64(o.Terms.Price.FirstHour(w.Need))
	}
	t.add(m)
	if misses == 1 && kind != MissExcluded && kind != MissNode {
		t.nearer(Nearest{Supplier: o.Supplier, Name: o.Name, Kind: kind, Have: m.Best}, m.Detail)
	}
	return false
}

// nearer keeps n if it is the first, or has more of what the nearest lacks.
// Prices are compared in one unit.
func (t *Tally) nearer(n Nearest, unit string) {
	if n.Kind == MissPrice {
		n.Unit = unit
	}
	if t.Near == nil || t.Near.Kind == n.Kind && t.Near.Unit == n.Unit && better(n.Kind, n.Have, t.Near.Have) {
		kept := n // only what is kept costs an allocation
		t.Near = &kept
	}
}

// better reports whether an offer with x of what is missing comes closer than
// one with y: more room, or a lower price.
func better(k MissKind, x, y int64) bool {
	if k == MissPrice {
		return x < y
	}
	return x > y
}

// Promised counts an offer that fits, but was shown to another buyer just now.
func (t *Tally) Promised() {
	t.Fit -= min(t.Fit, 1)
	t.add(Miss{Kind: MissPromised, Count: 1})
}

// Taken counts an offer that fits, but whose supplier runs another replica.
func (t *Tally) Taken() {
	t.Fit -= min(t.Fit, 1)
	t.add(Miss{Kind: MissTaken, Count: 1})
}

// Refused counts a supplier's refusal.
func (t *Tally) Refused(r Reason) { t.add(Miss{Kind: MissRefused, Detail: r.String(), Count: 1}) }

// Merge adds another trader's tally.
func (t *Tally) Merge(u *Tally) {
	t.Regions += u.Regions
	t.Offers += u.Offers
	t.Fit += u.Fit
	for _, m := range u.Misses {
		t.add(m)
	}
	if t.Near == nil {
		t.Near = u.Near
	}
}

func (t *Tally) add(m Miss) {
	i := 0
	for ; i < len(t.Misses); i++ {
		x := &t.Misses[i]
		if x.Kind == m.Kind && x.Detail == m.Detail {
			x.Count += m.Count
			if better(m.Kind, m.Best, x.Best) {
				x.Best = m.Best
			}
			return
		}
		if x.Kind > m.Kind || x.Kind == m.Kind && x.Detail > m.Detail {
			break
		}
	}
	if len(t.Misses) >= MaxMisses {
		return
	}
	t.Misses = append(t.Misses, Miss{})
	copy(t.Misses[i+1:], t.Misses[i:])
	t.Misses[i] = m
}
