package main

import (
	"context"
	"strings"
	"testing"

	"caravela/api"
	"caravela/api/apitest"
)

// seller is a node that remembers what its sale was set to, and what was
// searched and quoted.
type seller struct {
	*apitest.Fake
	price  *api.PriceRequest
	quoted api.QuoteRequest
	search api.SearchRequest
	quote  api.Quote
}

func (s *seller) SetPrice(ctx context.Context, req api.PriceRequest) (api.Sale, error) {
	s.price = &req
	return s.Fake.SetPrice(ctx, req)
}

func (s *seller) Quote(ctx context.Context, req api.QuoteRequest) (api.Quote, error) {
	s.quoted = req
	if len(s.quote.Parts) > 0 {
		return s.quote, nil
	}
	return s.Fake.Quote(ctx, req)
}

// Search finds three offers in the order in which run would take them.
func (s *seller) Search(_ context.Context, req api.SearchRequest) (api.SearchResult, error) {
	s.search = req
	found := func(name, unit string, hourly, rtt int64) api.Candidate {
		return api.Candidate{Offer: api.Offer{NodeName: name, Platform: "linux/amd64"}, LatencyUS: rtt, Cost: api.Cost{Unit: unit, HourlyMicro: hourly}}
	}
	return api.SearchResult{Offers: []api.Candidate{
		found("dear", "credit", 70_000, 2000), found("far", "credit", 40_000, 90_000), found("gift", "", 0, 0), found("euro", "EUR", 10, 5000),
	}}, nil
}

func TestOfferPrice(t *testing.T) {
	node := &seller{Fake: apitest.NewFake()}
	c := newCLI(t, node)
	out := c.ok("offer", "price")
	for _, want := range []string{
		"Selling   yes\n", "Price     0.02 credit per core-hour, 0.005 per GiB-hour of memory, 0.001 to start\n", "From      the configuration\n",
		"Such as   0.025 credit/h for 1 cpu / 1g\n", "Notes     every 60s; a lease may end after 5 without an answer and 5m more\n", "Leased    nothing of 4 cpu",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if node.price != nil {
		t.Errorf("to look set a price: %+v", node.price)
	}
	out = c.ok("offer", "price", "--core", "0.03", "--start", "0", "--unit", "EUR")
	p := node.price
	if p == nil || *p.CoreHourMicro != 30_000 || *p.StartMicro != 0 || *p.Unit != "EUR" || p.MemoryHourMicro != nil || p.DiskHourMicro != nil || p.ParkedHourMicro != nil || p.Reset {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(out, "0.03 credit per core-hour") || !strings.Contains(out, "From      caravela offer price\n") {
		t.Errorf("%s", out)
	}
	if c.ok("offer", "price", "--reset"); *node.price != (api.PriceRequest{Reset: true}) {
		t.Errorf("%+v", node.price)
	}
	if out := c.ok("offer", "pause", "--reason", "backup"); !strings.Contains(out, "Selling   paused: backup\n") {
		t.Errorf("%s", out)
	}
	if out := c.ok("offer", "resume", "-o", "json"); !strings.Contains(out, `"selling": true`) {
		t.Errorf("%s", out)
	}
}

func TestSearchOrder(t *testing.T) {
	node := &seller{Fake: apitest.NewFake()}
	c := newCLI(t, node)
	for line, want := range map[string]string{
		"market search":                                "dear far gift euro",
		"market search --sort price":                   "gift euro far dear",
		"market search --sort rtt":                     "dear euro far gift",
		"market search --sort price --strategy spread": "gift euro far dear",
	} {
		args := append(strings.Fields(line), "--format", "{{.NodeName}}")
		if got := strings.Join(strings.Fields(c.ok(args...)), " "); got != want {
			t.Errorf("%s: %s", line, got)
		}
		if cheapest := strings.HasSuffix(line, "price"); cheapest != (node.search.Strategy == api.StrategyCheapest) {
			t.Errorf("%s: by strategy %q", line, node.search.Strategy)
		}
	}
	if c.ok("market", "search", "--max-price", "0.05/h"); *node.search.MaxHourlyMicro != 50_000 || node.search.Unit != "" {
		t.Errorf("%+v", node.search)
	}
	if out := c.ok("market", "search"); !strings.Contains(out, "0.07 credit/h") || !strings.Contains(out, "free") {
		t.Errorf("%s", out)
	}
}

func TestQuote(t *testing.T) {
	node := &seller{Fake: apitest.NewFake()}
	c := newCLI(t, node)
	r := c.run("quote", "--cpus", "2", "-m", "1g", "--max-price", "0.05/h", "--lease", "7d", "--pids-limit", "64", "web")
	if r.code != 0 || r.err != "" || !strings.Contains(r.out, "cedar   0.045 credit/h   0.001 credit   1.081 credit") {
		t.Errorf("%+v", r)
	}
	q := node.quoted
	if q.Hold || q.Spec.Image != "web" || q.Spec.Resources.MilliCPU != 2000 || q.Spec.Pids != 64 || q.Policy.LeaseTermMS != 7*86_400_000 || *q.Policy.MaxHourlyMicro != 50_000 {
		t.Errorf("%+v", q)
	}
	r = c.run("quote", "--hold", "web")
	if !node.quoted.Hold || !strings.Contains(r.err, "held until 12:00: caravela run --hold ") {
		t.Errorf("%+v", r)
	}
	node.quote = api.Quote{Parts: []api.QuotePart{{Hold: &api.Hold{ID: "aa"}}, {Hold: &api.Hold{ID: "bb"}}}}
	if r := c.run("quote", "--hold", "--replicas", "2", "web"); strings.Count(r.err, "--hold aa ") != 1 || strings.Count(r.err, "--hold bb ") != 1 {
		t.Errorf("%+v", r)
	}
	node.quote = api.Quote{}
	if out := c.ok("quote", "--hold", "-q", "web"); len(out) != 65 {
		t.Errorf("%q", out)
	}
	if r := c.run("quote", "--cpus", "900", "web"); r.code != codeNothing || !strings.HasPrefix(r.err, noOfferFits) {
		t.Errorf("%+v", r)
	}
	cost := api.Cost{Unit: "EUR", HourlyMicro: 100, TermMicro: 2400}
	node.quote = api.Quote{TermMS: 86_400_000, Totals: []api.Cost{{Unit: "EUR", HourlyMicro: 200, TermMicro: 4800}}, Parts: []api.QuotePart{
		{Cost: cost, Offer: api.Offer{NodeName: "oak"}}, {Cost: cost, Offer: api.Offer{NodeName: "elm"}},
	}}
	if out := c.ok("quote", "--replicas", "2", "--spread", "web"); !strings.HasSuffix(out, "in all: 0.0002 EUR/h, 0.0048 EUR for 24h\n") {
		t.Errorf("%s", out)
	}
}

// A group is all or nothing, and says so.
func TestGroupThatFindsNoPlace(t *testing.T) {
	node := record()
	node.err = &api.Error{Code: api.CodeNoOffer, Detail: "no offer fits", WhyNot: &api.SearchResult{OffersSeen: 2}}
	c := newCLI(t, node)
	if r := c.run("run", "-d", "--replicas", "9", "web"); r.code != codeNothing || !strings.Contains(r.err, "not all of 9 found a place, so none was leased") {
		t.Errorf("%+v", r)
	}
	if r := c.run("run", "-d", "web"); strings.Contains(r.err, "replicas") {
		t.Errorf("%+v", r)
	}
}

// A search for which nobody was asked does not claim that nobody sells.
func TestNobodyWasAsked(t *testing.T) {
	var b strings.Builder
	writeWhyNot(&b, &api.SearchResult{})
	if !strings.Contains(b.String(), "caravela peer ls") || strings.Contains(b.String(), "join") {
		t.Errorf("%s", b.String())
	}
}
