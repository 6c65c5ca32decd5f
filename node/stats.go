package node

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"caravela/market"
	"caravela/node/store"
)

// noteKinds bounds the counters of notes; see market.NoteKind.
const noteKinds = 64

// stats counts what a node does, for /metrics.
type stats struct {
	notes   [noteKinds]atomic.Uint64
	out     atomic.Uint64
	lost    atomic.Uint64
	in      atomic.Uint64
	streams atomic.Int64

	priceFailures atomic.Uint64
	commits       prometheus.Histogram // seconds
}

func newStats() *stats {
	return &stats{commits: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "caravela_store_commit_seconds", Help: "Time in which a batch of records became durable.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3 s
	})}
}

// timed is a store whose commits are measured.
type timed struct {
	store.Store
	stats *stats
}

// Commit implements store.Store.
func (t timed) Commit(saves []market.Save) error {
	began := time.Now()
	err := t.Store.Commit(saves)
	t.stats.commits.Observe(time.Since(began).Seconds())
	return err
}

func (s *stats) noted(k market.NoteKind) {
	if int(k) < noteKinds {
		s.notes[k].Add(1)
	}
}

func (s *stats) sent(_ market.Message, err error) {
	s.out.Add(1)
	if err != nil {
		s.lost.Add(1)
	}
}

func (s *stats) received(market.Message) { s.in.Add(1) }

// messageName is a message's type, without the package.
func messageName(m market.Message) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*market.")
}

var _ prometheus.Collector = (*Node)(nil)

// Describe implements prometheus.Collector: the metrics are unchecked, since
// they are made while they are collected.
func (n *Node) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (n *Node) Collect(to chan<- prometheus.Metric) {
	emit := func(kind prometheus.ValueType, name, help string, v float64, labels ...string) {
		var names, values []string
		for i := 0; i+1 < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("caravela_"+name, help, names, nil), kind, v, values...)
	}
	for k := range noteKinds {
		if v := n.stats.notes[k].Load(); v > 0 {
			emit(prometheus.CounterValue, "market_facts_total", "What the market's machine noticed, by kind.", float64(v), "kind", market.NoteKind(k).String())
		}
	}
	emit(prometheus.CounterValue, "messages_sent_total", "Messages to other nodes.", float64(n.stats.out.Load()))
	emit(prometheus.CounterValue, "messages_undelivered_total", "Messages of which it is not known whether they arrived.", float64(n.stats.lost.Load()))
	emit(prometheus.CounterValue, "messages_received_total", "Messages from other nodes.", float64(n.stats.in.Load()))
	emit(prometheus.GaugeValue, "streams_open", "Byte streams that this node serves to owners of leases.", float64(n.stats.streams.Load()))
	emit(prometheus.GaugeValue, "leases", "Leases that have not ended, by side.", float64(len(n.board.allSold())), "side", "sold")
	emit(prometheus.GaugeValue, "leases", "Leases that have not ended, by side.", float64(len(n.board.allBought())), "side", "bought")
	n.collectMoney(emit)
	n.stats.commits.Collect(to)
	emit(prometheus.GaugeValue, "peers_connected", "Members that are connected.", float64(len(n.cfg.Transport.Peers())))
}

// collectMoney tells of what is sold, held, billed and owed.
func (n *Node) collectMoney(emit func(kind prometheus.ValueType, name, help string, v float64, labels ...string)) {
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	var live, reserved market.Resources
	for _, s := range n.guests() {
		reserved = reserved.Add(s.Lease.Resources)
		if s.Status != nil && s.Status.State.Live() {
			live = live.Add(s.Lease.Resources)
		}
	}
	var held market.Resources
	holds := n.board.allHolds()
	for _, h := range holds {
		held = held.Add(h.Resources)
	}
	for _, part := range []struct {
		state string
		r     market.Resources
	}{{"leased", reserved}, {"running", live}, {"held", held}} {
		emit(gauge, "sold_cpu_cores", "CPU cores that are leased here, of these running, and held.", float64(part.r.CPU)/1000, "state", part.state)
		emit(gauge, "sold_memory_bytes", "Memory that is leased here, of these running, and held.", float64(part.r.Memory), "state", part.state)
		emit(gauge, "sold_disk_bytes", "Disk that is leased here, of these running, and held.", float64(part.r.Disk), "state", part.state)
	}
	emit(gauge, "holds", "Holds that this node has given.", float64(len(holds)))
	for _, x := range []struct {
		kind market.NoteKind
		side string
		what string
	}{
		{market.NoteBilled, "sold", "acknowledged"}, {market.NoteUnacked, "sold", "unacknowledged"}, {market.NoteCharged, "bought", "acknowledged"},
	} {
		emit(counter, "usage_notes_total", "Usage notes, by side and what became of them.", float64(n.stats.notes[x.kind].Load()), "side", x.side, "result", x.what)
	}
	emit(counter, "disputes_total", "Numbers on which this node and a peer do not agree.", float64(n.stats.notes[market.NoteDisputed].Load()))
	for unit, b := range n.balances() {
		for _, part := range []struct {
			what string
			v    market.Micro
		}{
			{"earned", b.Earned}, {"spent", b.Spent}, {"settled_in", b.SettledIn}, {"settled_out", b.SettledOut}, {"unconfirmed", b.Unconfirmed},
		} {
			emit(counter, "money_units_total", "Money of all accounts, by its unit.", float64(part.v)/1e6, "unit", unit, "what", part.what)
		}
	}
	emit(counter, "price_command_failures_total", "Runs of the price command that said no price.", float64(n.stats.priceFailures.Load()))
	emit(counter, "webhook_events_total", "Events for the webhook, by what became of them.", float64(n.webhook.delivered.Load()), "result", "delivered")
	emit(counter, "webhook_events_total", "Events for the webhook, by what became of them.", float64(n.webhook.dropped.Load()), "result", "dropped")
	emit(counter, "webhook_failures_total", "Attempts to reach the webhook that failed.", float64(n.webhook.attempts.Load()))
}

// balances sums the accounts, by unit.
func (n *Node) balances() map[string]market.Balance {
	out := map[string]market.Balance{}
	for _, a := range n.board.allAccounts() {
		for _, b := range a.Balances {
			t := out[b.Unit]
			t.Earned += b.Earned
			t.Spent += b.Spent
			t.SettledIn += b.SettledIn
			t.SettledOut += b.SettledOut
			t.Unconfirmed += b.Unconfirmed
			out[b.Unit] = t
		}
	}
	return out
}
