package simulator

import (
	"slices"
	"time"
)

// Details are what reports are made of, beside the plain counts.
type Details struct {
	Partial      bool            // the run was interrupted
	Messages     []uint32        // RPCs a request, until launched or given up; sorted
	Latency      []time.Duration // from request to lease; sorted
	Lookups      int             // of all requests
	LookupDepth  int             // sum over these lookups
	NodeMessages []float64       // sent and received by each node, a second; sorted
	NodeBytes    []float64       // sent by each node, a second; sorted
	Sent         uint64          // messages sent by all nodes
	RTT          time.Duration   // mean round trip between two nodes
	Stale        uint64          // refusals of offers that were out of date
	FailedStarts uint64          // launches that the engine failed
	Untrue       int             // requests given up without a reason, or with one that cannot be true
	Series       []Sample
	Checks
}

// detail fills in the details at the end of a run.
func (m *Measures) detail(s *Sim) {
	d := &m.Details
	d.Messages, d.Latency, d.Lookups, d.LookupDepth = m.messages, m.latency, m.lookups, m.depth
	sec := max(s.now.Seconds(), 1e-9)
	for i := range s.nodes {
		n := &s.nodes[i]
		d.Sent += uint64(n.sent) + uint64(n.upkeep)
		d.NodeMessages = append(d.NodeMessages, float64(n.traffic())/sec)
		d.NodeBytes = append(d.NodeBytes, float64(n.bytes)/sec)
	}
	slices.Sort(d.NodeMessages)
	slices.Sort(d.NodeBytes)
	for _, p := range s.parts {
		d.Stale += p.counts.stale
		d.FailedStarts += p.counts.engine
	}
	d.RTT = s.meanRTT()
	d.Checks = s.check.Checks
}

// meanRTT is that of a thousand pairs of nodes.
func (s *Sim) meanRTT() time.Duration {
	const pairs = 1000
	var sum time.Duration
	n := uint64(len(s.nodes))
	for i := range uint64(pairs) {
		sum += 2 * s.c.Network.oneWay(uint32(mix(i, 1)%n), uint32(mix(i, 2)%n))
	}
	return sum / pairs
}
