package libp2p

import "sync/atomic"

// Stats is a snapshot of counters since the host was made.
type Stats struct {
	BytesIn, BytesOut       int64 // all protocols, as libp2p counts them
	RateIn, RateOut         float64
	MessagesIn, MessagesOut uint64 // taken
	StreamsIn, StreamsOut   uint64 // accepted
	ConfigurationsIn        uint64 // answered
	SendErrors              uint64
	RejectedMalformed       uint64 // unreadable, truncated or oversized
	RejectedBusy            uint64 // no free handler
	RejectedRate            uint64 // over the peer's rate or share
	RejectedSlow            uint64 // not complete in ReadTimeout
	RejectedForeign         uint64 // peers of another network, disconnected
	RejectedGate            uint64 // connections: address, key type, deny list, penalty
	Penalties               uint64 // peers put aside for malformed messages
	Connections, Members    int
}

type counters struct {
	messagesIn, messagesOut, streamsIn, streamsOut, configurations atomic.Uint64
	sendErrors, malformed, busy, rate, slow, foreign               atomic.Uint64
	gated, penalties                                               atomic.Uint64
}

// Stats returns the counters.
func (h *Host) Stats() Stats {
	b, c := h.bandwidth.GetBandwidthTotals(), h.stats
	return Stats{
		BytesIn: b.TotalIn, BytesOut: b.TotalOut, RateIn: b.RateIn, RateOut: b.RateOut,
		MessagesIn: c.messagesIn.Load(), MessagesOut: c.messagesOut.Load(),
		StreamsIn: c.streamsIn.Load(), StreamsOut: c.streamsOut.Load(),
		ConfigurationsIn: c.configurations.Load(), SendErrors: c.sendErrors.Load(),
		RejectedMalformed: c.malformed.Load(), RejectedBusy: c.busy.Load(), RejectedRate: c.rate.Load(),
		RejectedSlow: c.slow.Load(), RejectedForeign: c.foreign.Load(), RejectedGate: c.gated.Load(),
		Penalties:   c.penalties.Load(),
		Connections: len(h.lib.Network().Conns()), Members: h.members.size(),
	}
}
