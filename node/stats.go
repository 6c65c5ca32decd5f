package node

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"caravela/market"
)

// noteKinds bounds the counters of notes; see market.NoteKind.
const noteKinds = 32

// stats counts what a node does, for /metrics.
type stats struct {
	notes   [noteKinds]atomic.Uint64
	out     atomic.Uint64
	lost    atomic.Uint64
	in      atomic.Uint64
	streams atomic.Int64

	priceFailures atomic.Uint64
}

func newStats() *stats { return &stats{} }

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
	emit(prometheus.GaugeValue, "peers_connected", "Members that are connected.", float64(len(n.cfg.Transport.Peers())))
}
