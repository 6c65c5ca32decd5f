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
	Steady       float64         // bytes sent by a node, a second, since all have joined
	Joining      float64         // bytes sent by a node until then
	RTT          time.Duration   // mean round trip between two nodes
	Stale        uint64          // refusals of offers that were out of date
	FailedStarts uint64          // launches that the engine failed
	Untrue       int             // requests given up without a reason, or with one that cannot be true
	Series       []Sample
	Money        *Accounts // nil where everything is free
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
	if s.joined.at > 0 && s.now > s.joined.at {
		d.Joining = s.joined.bytes / float64(len(s.nodes))
		d.Steady = (s.bytes() - s.joined.bytes) / float64(len(s.nodes)) / (s.now - s.joined.at).Seconds()
	}
	slices.Sort(d.NodeMessages)
	slices.Sort(d.NodeBytes)
	for _, p := range s.parts {
		d.Stale += p.counts.stale
		d.FailedStarts += p.counts.engine
	}
	d.RTT = s.meanRTT()
	d.Checks = s.check.Checks
	d.Money = s.audit()
}

// joined is when all nodes have started and filled their tables, and what they
// had sent until then.
type joined struct {
	at    time.Duration
	bytes float64
}

// settling is how long after the warm-up the last node has filled its table.
const settling = 5 * time.Minute

// note is called between windows.
func (j *joined) note(s *Sim, now time.Duration) {
	if j.at == 0 && now >= s.c.Load.Warmup+settling {
		s.refresh(now)
		j.at, j.bytes = now, s.bytes()
	}
}

// bytes is what all nodes have sent.
func (s *Sim) bytes() (sum float64) {
	for i := range s.nodes {
		sum += float64(s.nodes[i].bytes)
	}
	return sum
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
