package api

import (
	"time"

	"caravela/market"
)

// Money is counted in millionths of a unit; the unit is a free label, such as
// "credit" or "EUR".

// Price is what a lease costs. The zero value is free.
type Price struct {
	Unit            string `json:"unit"` // "" only when free
	CoreHourMicro   int64  `json:"core_hour_micro"`
	MemoryHourMicro int64  `json:"memory_gib_hour_micro"`
	DiskHourMicro   int64  `json:"disk_gib_hour_micro"`
	ParkedHourMicro int64  `json:"parked_hour_micro"` // while its owner keeps it stopped, whatever its size
	StartMicro      int64  `json:"start_micro"`       // once, for the first start
}

// Terms are the conditions of a lease beyond its resources.
type Terms struct {
	Price      Price `json:"price"`
	IntervalMS int64 `json:"interval_ms"` // between two usage notes
	Bear       int   `json:"bear"`        // unacknowledged notes in a row that the supplier bears
	GraceMS    int64 `json:"grace_ms"`    // after the last of these, before the lease may end
	NoticeMS   int64 `json:"notice_ms"`   // between a reclaim's announcement and its execution
}

// PriceOf converts from the market's vocabulary.
func PriceOf(p market.Price) Price {
	return Price{p.Unit, int64(p.Core), int64(p.Memory), int64(p.Disk), int64(p.Parked), int64(p.Start)}
}

// Market converts to the market's vocabulary. It is not validated.
func (p Price) Market() market.Price {
	return market.Price{
		Unit: p.Unit, Core: market.Micro(p.CoreHourMicro), Memory: market.Micro(p.MemoryHourMicro),
		Disk: market.Micro(p.DiskHourMicro), Parked: market.Micro(p.ParkedHourMicro), Start: market.Micro(p.StartMicro),
	}
}

// TermsOf converts from the market's vocabulary; nil stays nil: free and not
// metered.
func TermsOf(t *market.Terms) *Terms {
	if t == nil {
		return nil
	}
	return &Terms{PriceOf(t.Price), t.Interval.Milliseconds(), t.Bear, t.Grace.Milliseconds(), t.Notice.Milliseconds()}
}

// Cost is what resources cost under a price.
type Cost struct {
	Unit        string `json:"unit"`         // "" = free
	HourlyMicro int64  `json:"hourly_micro"` // while it runs
	StartMicro  int64  `json:"start_micro"`  // once
	TermMicro   int64  `json:"term_micro"`   // for the whole term, the start included
}

// CostOf is what r costs under terms, for a whole term.
func CostOf(t *market.Terms, r market.Resources, term time.Duration) Cost {
	p := market.PriceOf(t)
	whole := p.Amount(r, market.Usage{Running: uint64(max(0, term/time.Second))})
	return Cost{p.Unit, int64(p.Hourly(r)), int64(p.Start), int64(whole)}
}
