package node

import (
	"context"
	"sync"
	"time"

	"caravela/api"
	"caravela/market"
	"caravela/node/identity"
)

// sale is at which terms a node sells, and whether it does.
type sale struct {
	mu       sync.Mutex
	dir      *identity.Dir
	asked    identity.Sale // by the user, over restarts
	draining bool          // since the node is about to leave
	command  *market.Price // what the price command said last; nil = nothing
	failure  string        // why it said nothing the last time; "" = it did
	// waits says that nothing may be sold before the command has said a price;
	// where one is configured it stands in after the first failure.
	waits bool
}

func (s *sale) open(c *Config) (err error) {
	s.dir = c.Dir
	s.waits = len(c.PriceCommand) > 0
	s.asked, err = c.Dir.Sale()
	return err
}

// ask changes what the user has asked for, durably.
func (s *sale) ask(change func(*identity.Sale)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.asked
	change(&next)
	if err := s.dir.SaveSale(next); err != nil {
		return err
	}
	s.asked = next
	return nil
}

// halted says why nothing is sold; "" if it is.
func (s *sale) halted() (why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.draining:
		return "draining"
	case s.asked.Paused && s.asked.Reason != "":
		return "paused: " + s.asked.Reason
	case s.asked.Paused:
		return "paused"
	case s.waits && s.command == nil && s.asked.Price == nil && s.failure != "":
		return s.failure
	case s.waits && s.command == nil && s.asked.Price == nil:
		return "the price command has not answered yet"
	}
	return ""
}

// price is what is asked for now, and who says so.
func (s *sale) price(configured market.Price) (market.Price, api.PriceOrigin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.asked.Price != nil:
		return *s.asked.Price, api.PriceByUser
	case s.command != nil:
		return *s.command, api.PriceByCommand
	}
	return configured, api.PriceConfigured
}

// terms are those of what is sold now; nil where it is free, and so not
// metered.
func (n *Node) terms() *market.Terms {
	t := n.cfg.Sale.Terms
	t.Price, _ = n.sale.price(t.Price)
	if t.Price.IsFree() {
		return nil
	}
	return &t
}

// Sale implements api.Backend.
func (n *Node) Sale(context.Context) (api.Sale, error) {
	told := n.stock()
	v := api.Sale{
		Selling: told.Selling, Detail: n.sale.halted(), Terms: api.TermsOf(told.Stock.Terms), CreditMS: n.credit().Milliseconds(),
		Total: api.ResourcesOf(told.Stock.Total), Leased: api.ResourcesOf(n.leasedOut()),
	}
	if v.Detail == "" && !v.Selling {
		v.Detail = n.engineStatus().Detail
	}
	_, v.PriceFrom = n.sale.price(n.cfg.Sale.Terms.Price)
	n.sale.mu.Lock()
	v.Paused, v.PriceDetail = n.sale.asked.Paused, n.sale.failure
	n.sale.mu.Unlock()
	var held market.Resources
	for _, h := range n.board.allHolds() {
		if h.Until.Time().After(time.Now()) {
			held, v.Holds = held.Add(h.Resources), v.Holds+1
		}
	}
	v.Held = api.ResourcesOf(held)
	return v, nil
}

// leasedOut is what units that are not over take of what is sold.
func (n *Node) leasedOut() (r market.Resources) {
	for _, s := range n.guests() {
		r = r.Add(s.Lease.Resources)
	}
	return r
}

// credit is what peers without a limit of their own may owe.
func (n *Node) credit() time.Duration {
	if n.cfg.Sale.Credit > 0 {
		return n.cfg.Sale.Credit
	}
	return market.DefaultCredit
}

// PauseOffer implements api.Backend.
func (n *Node) PauseOffer(ctx context.Context, req api.PauseRequest) (api.Sale, error) {
	reason := foreign(req.Reason, market.MaxReference)
	return n.changeSale(ctx, "paused", reason, func(s *identity.Sale) { s.Paused, s.Reason = true, reason })
}

// ResumeOffer implements api.Backend.
func (n *Node) ResumeOffer(ctx context.Context) (api.Sale, error) {
	return n.changeSale(ctx, "resumed", "", func(s *identity.Sale) { s.Paused, s.Reason = false, "" })
}

// SetPrice implements api.Backend. What is not named stays as it is now.
func (n *Node) SetPrice(ctx context.Context, req api.PriceRequest) (api.Sale, error) {
	if err := req.Validate(); err != nil {
		return api.Sale{}, err
	}
	if req.Reset {
		return n.changeSale(ctx, "price", "as configured", func(s *identity.Sale) { s.Price = nil })
	}
	now, _ := n.sale.price(n.cfg.Sale.Terms.Price)
	next := changedPrice(api.PriceOf(now), req).Market()
	if next.IsFree() {
		next.Unit = ""
	}
	if err := next.Validate(); err != nil {
		return api.Sale{}, api.Errorf(api.CodeInvalid, "%s", plainMarket(err)).WithNext("caravela offer price --core 0.02 --unit credit")
	}
	return n.changeSale(ctx, "price", next.String(), func(s *identity.Sale) { s.Price = &next })
}

// changedPrice is p with what a request names. Rates without a unit are in the
// usual one.
func changedPrice(p api.Price, req api.PriceRequest) api.Price {
	for _, part := range []struct{ rate, named *int64 }{
		{&p.CoreHourMicro, req.CoreHourMicro}, {&p.MemoryHourMicro, req.MemoryHourMicro}, {&p.DiskHourMicro, req.DiskHourMicro},
		{&p.ParkedHourMicro, req.ParkedHourMicro}, {&p.StartMicro, req.StartMicro},
	} {
		if part.named != nil {
			*part.rate = *part.named
		}
	}
	if req.Unit != nil {
		p.Unit = *req.Unit
	}
	if p.Unit == "" {
		p.Unit = defaultUnit
	}
	return p
}

// defaultUnit is what a price is counted in where nobody names a unit.
const defaultUnit = "credit"

func (n *Node) changeSale(ctx context.Context, action, detail string, change func(*identity.Sale)) (api.Sale, error) {
	if n.cfg.Engine == nil {
		return api.Sale{}, api.Errorf(api.CodeConflict, "this node sells nothing").WithNext("caravela config set offer.enabled true, then restart the node")
	}
	if err := n.sale.ask(change); err != nil {
		return api.Sale{}, err
	}
	n.supply(ctx)
	n.happened(api.Event{Type: "offer", Action: action, Detail: detail})
	return n.Sale(ctx)
}
