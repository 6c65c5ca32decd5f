package report

import (
	"time"

	"caravela/market"
	"caravela/simulator"
)

// Version is that of the form of summary.json, and of what its figures mean.
// Results of another version are not compared: 1 counted requests as missed
// that were not.
const Version = 2

// Summary is summary.json. Names are stable; units are in them. A figure that
// was not measured is null.
type Summary struct {
	Version   int      `json:"version"`
	Scenario  string   `json:"scenario"`
	Digest    string   `json:"scenario_digest"` // SHA-256 of the scenario as it was run
	Changes   []string `json:"changes"`         // of the command line, "key=value" each
	Seed      uint64   `json:"seed"`
	Strategy  string   `json:"strategy"`
	Overlay   string   `json:"overlay"` // kademlia or oracle
	Program   string   `json:"program"` // caravela's version
	Partial   bool     `json:"partial"` // interrupted: figures are those until then
	Nodes     int      `json:"nodes"`
	Workers   int      `json:"workers"`
	TraceHash string   `json:"trace_hash"`

	VirtualSeconds          float64 `json:"virtual_seconds"`
	WallSeconds             float64 `json:"wall_seconds"`
	CPUSeconds              float64 `json:"cpu_seconds"`
	Events                  uint64  `json:"events"`
	EventsPerSecond         float64 `json:"events_per_second"`
	NodeSecondsPerCPUSecond float64 `json:"node_seconds_per_cpu_second"`
	PeakRSSBytes            uint64  `json:"peak_rss_bytes"`
	HeapBytesPerNode        uint64  `json:"heap_bytes_per_node"`

	Requests         Requests `json:"requests"`
	PlacedOfFeasible float64  `json:"placed_of_feasible"` // placed / (placed + missed)
	PlacedOfAll      float64  `json:"placed_of_all"`      // placed / total

	MessagesPerRequest       Counts   `json:"messages_per_request"`
	AllMessagesPerPlacement  MeanOnly `json:"all_messages_per_placement"`
	LookupsPerRequest        MeanOnly `json:"lookups_per_request"`
	LookupDepth              MeanOnly `json:"lookup_depth"`
	PlacementLatencyMS       Latency  `json:"placement_latency_ms"`
	PlacementLatencyRTTs     Latency  `json:"placement_latency_rtts"`
	MeanRTTMS                float64  `json:"mean_rtt_ms"`
	NodeMessagesPerSecond    Load     `json:"node_messages_per_second"`
	NodeBytesPerSecond       Traffic  `json:"node_bytes_per_second"`
	BusiestNodeToMean        float64  `json:"busiest_node_to_mean"`
	StaleOfferRefusals       uint64   `json:"stale_offer_refusals"`
	DoubleBookings           int      `json:"double_bookings"`
	LostLeases               int      `json:"lost_leases"`
	UnbalancedSuppliers      int      `json:"unbalanced_suppliers"` // free and leased are not what there is
	UntrueRefusals           int      `json:"untrue_refusals"`
	OffersOutlivingSuppliers int      `json:"offers_outliving_suppliers"`
	PeersChecked             int      `json:"peers_checked"` // for the invariants

	Money *Money `json:"money"` // null where everything is free

	MessageStorms int      `json:"message_storms"` // a peer sent over a thousand messages within a minute, answers left out
	FailedStarts  uint64   `json:"failed_starts"`
	Violations    []string `json:"violations"` // the first few, in words

	Expectations []Expectation `json:"expectations"`
}

// Requests are containers asked for, by what became of them.
type Requests struct {
	Total   int `json:"total"`
	Placed  int `json:"placed"`
	Missed  int `json:"missed"`  // given up although a live node had the resources all the time
	Refused int `json:"refused"` // given up, and none had
}

// Money is what became of bills, between honest suppliers and honest buyers,
// in units of the suppliers' money.
type Money struct {
	Earned          float64 `json:"earned"`            // what honest suppliers have billed
	Acked           float64 `json:"acked"`             // of it, what buyers have acknowledged
	UnpaidByCheats  float64 `json:"unpaid_by_cheats"`  // of that, what those owe who never pay
	UnackedLossMax  float64 `json:"unacked_loss_max"`  // the most of one lease that ran unacknowledged at its supplier
	BoundMax        float64 `json:"bound_max"`         // the largest (k intervals + grace) x price of a lease
	LossOfBoundMax  float64 `json:"loss_of_bound_max"` // the largest share of its bound that ran unacknowledged of a lease
	OverbilledMax   float64 `json:"overbilled_max"`    // the most of one container that its buyer acknowledged and did not get
	LossOverBound   int     `json:"loss_over_bound"`   // honest nodes that lost more by a lease than its bound
	OverCredit      int     `json:"over_credit"`       // honest suppliers that somebody owed more than the credit given
	Disputed        int     `json:"disputed"`          // bills and receipts that honest buyers told their users not to agree with
	Receipts        int     `json:"receipts"`          // that honest buyers have signed
	LedgersDisagree int     `json:"ledgers_disagree"`  // pairs of an honest supplier and an honest buyer
}

func moneyOf(a *simulator.Accounts) *Money {
	if a == nil {
		return nil
	}
	units := func(m market.Micro) float64 { return float64(m) / 1e6 }
	return &Money{
		Earned: units(a.Earned), Acked: units(a.Acked), UnpaidByCheats: units(a.Unpaid), UnackedLossMax: units(a.LossMax), BoundMax: units(a.BoundMax),
		LossOfBoundMax: units(a.LossShare), OverbilledMax: units(a.OverbilledMax), LossOverBound: a.OverBound, OverCredit: a.OverCredit,
		Disputed: a.Disputed, Receipts: a.Receipts, LedgersDisagree: a.Disagreeing,
	}
}

// Counts describe a distribution of whole numbers.
type Counts struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// MeanOnly is a mean; null when it was not measured.
type MeanOnly struct {
	Mean *float64 `json:"mean"`
}

// Latency is a distribution of durations.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Load is a distribution over nodes.
type Load struct {
	Mean float64 `json:"mean"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// Traffic is a distribution over nodes, beside what an idle node sends.
type Traffic struct {
	IdleMean *float64 `json:"idle_mean"` // since all have joined
	Joining  float64  `json:"joining"`   // bytes of one node until then; no rate
	Load
}

// About is what a run was, beside its measures.
type About struct {
	Scenario, Digest, Strategy, Overlay, Program string
	Seed                                         uint64
	Workers                                      int
	Changes                                      []string
	Bounds                                       []Bound
}

// Summarise makes the summary of a run. idle is the same run without
// requests, nil when there was none.
func Summarise(a About, m, idle *simulator.Measures) *Summary {
	s := &Summary{
		Version: Version, Scenario: a.Scenario, Digest: a.Digest, Changes: append([]string{}, a.Changes...), Seed: a.Seed, Strategy: a.Strategy, Overlay: a.Overlay,
		Program: a.Program, Workers: a.Workers, Partial: m.Partial, Nodes: m.Nodes, TraceHash: m.Hash,
		VirtualSeconds: m.Virtual.Seconds(), WallSeconds: round(m.Wall.Seconds()), CPUSeconds: round(m.CPU),
		Events: m.Events, EventsPerSecond: round(ratio(float64(m.Events), m.Wall.Seconds())),
		NodeSecondsPerCPUSecond: round(m.NodeSecondsPerCPU), PeakRSSBytes: m.RSS, HeapBytesPerNode: m.Heap / uint64(max(1, m.Nodes)),
		Requests:           Requests{m.Total, m.Placed, m.Missed, m.Refused},
		PlacedOfFeasible:   share(m.Placed, m.Placed+m.Missed),
		PlacedOfAll:        share(m.Placed, m.Total),
		MessagesPerRequest: countsOf(m.Messages),
		LookupsPerRequest:  mean(float64(m.Lookups), m.Total),
		LookupDepth:        mean(float64(m.LookupDepth), m.Lookups),
		MeanRTTMS:          millis(m.RTT),
		StaleOfferRefusals: m.Stale,
	}
	s.DoubleBookings, s.LostLeases, s.UnbalancedSuppliers = m.DoubleBookings, m.LostLeases, m.Unbalanced
	s.OffersOutlivingSuppliers, s.PeersChecked, s.UntrueRefusals = m.Outliving, m.PeersChecked, m.Untrue
	s.MessageStorms, s.Money = m.Storms, moneyOf(m.Money)
	s.FailedStarts, s.Violations = m.FailedStarts, append([]string{}, m.Violations...)
	s.PlacementLatencyMS = latencyOf(m.Latency, time.Millisecond)
	s.PlacementLatencyRTTs = latencyOf(m.Latency, m.RTT)
	s.NodeMessagesPerSecond = loadOf(m.NodeMessages)
	s.NodeBytesPerSecond.Load, s.NodeBytesPerSecond.Joining = loadOf(m.NodeBytes), round(m.Joining)
	s.BusiestNodeToMean = round(ratio(s.NodeMessagesPerSecond.Max, s.NodeMessagesPerSecond.Mean))
	if idle != nil {
		if idle.Steady > 0 {
			mean0 := round(idle.Steady)
			s.NodeBytesPerSecond.IdleMean = &mean0
		}
		s.AllMessagesPerPlacement = mean(float64(m.Sent)-float64(idle.Sent), m.Placed)
	}
	s.Expectations = judge(s, a.Bounds)
	return s
}

// share is part of whole; 1 where there was nothing.
func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func mean(sum float64, n int) MeanOnly {
	if n == 0 {
		return MeanOnly{}
	}
	v := round(sum / float64(n))
	return MeanOnly{&v}
}
