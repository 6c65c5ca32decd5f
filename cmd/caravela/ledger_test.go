package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
)

// creditor is a node with an account in two units.
type creditor struct {
	*apitest.Fake
	settled api.SettleRequest
	state   api.SettlementState
	credit  api.CreditRequest
	options api.EntryOptions
	next    uint64
	units   int
}

func (n *creditor) account() api.Account {
	x := api.Account{
		Peer: apitest.CedarID, Name: "cedar", Entries: 7, Bought: 1, Sold: 2, Remark: "pays late",
		Credit: api.Credit{Kind: api.CreditSet, LimitMicro: 10_000_000, Unit: "credit"},
		Balances: []api.Balance{
			{Unit: "credit", ReceivableMicro: 250_000, PayableMicro: 30, EarnedMicro: 1_250_000, SpentMicro: 30, SettledInMicro: 1_000_000, UnconfirmedMicro: 5},
			{Unit: "EUR", ReceivableMicro: 2_000_000, EarnedMicro: 2_000_000},
		},
	}
	x.Balances = x.Balances[:n.units]
	return x
}

func (n *creditor) Accounts(context.Context) ([]api.Account, error) {
	return []api.Account{n.account(), {Peer: apitest.SelfID, Credit: api.Credit{DefaultMS: 3_600_000}}}, nil
}

func (n *creditor) Entries(_ context.Context, _ api.NodeRef, o api.EntryOptions) (api.EntryPage, error) {
	n.options = o
	at := time.Date(2026, 1, 31, 12, 30, 0, 0, time.UTC)
	return api.EntryPage{Account: n.account(), Next: n.next, Entries: []api.Entry{
		{Index: 6, At: at, Kind: "lease", LeaseID: recordedID, Unit: "credit", SignedBy: []string{apitest.SelfID, apitest.CedarID}, Detail: "2 cpu"},
		{Index: 7, At: at, Kind: "usage", LeaseID: recordedID, Unit: "credit", AmountMicro: 40, Seq: 3, SignedBy: []string{apitest.CedarID}, Detail: "ran\x1b 60s"},
	}}, nil
}

func (n *creditor) Settle(_ context.Context, _ api.NodeRef, req api.SettleRequest) (api.Settlement, error) {
	n.settled = req
	return api.Settlement{
		ID: recordedID, Peer: apitest.CedarID, PeerName: "cedar", Received: req.Received, AmountMicro: req.AmountMicro, Unit: req.Unit,
		Reference: req.Reference, State: n.state,
	}, nil
}

func (n *creditor) SetCredit(_ context.Context, _ api.NodeRef, req api.CreditRequest) (api.Account, error) {
	n.credit = req
	return n.account(), nil
}

func TestLedgerTables(t *testing.T) {
	node := &creditor{Fake: apitest.NewFake(), units: 2}
	c := newCLI(t, node)
	for _, tt := range []struct{ line, want string }{
		{"ledger ls", "11111111   cedar   0.25 credit, 2 EUR   0.00003 credit   10 credit          1 bought, 2 sold   7\n"},
		{"ledger ls", "11111111   -       -                    -                1h of its leases   -                  0\n"},
		{"ledger ls -q", apitest.CedarID + "\n" + apitest.SelfID + "\n"},
		{"ledger balance", "cedar   credit   0.25       0.00003   1.25     0.00003   1            0            0.000005\n"},
		{"ledger balance", "in all: they owe 0.25 credit, we owe 0.00003 credit\nin all: they owe 2 EUR, we owe 0 EUR\n"},
		{"ledger balance cedar --format {{.Remark}}", "pays late\n"},
		{"ledger ls cedar", "6       12:30   lease   3f9a1c001122   -                us, cedar   2 cpu\n"},
		{"ledger ls cedar", "7       12:30   usage   3f9a1c001122   0.00004 credit   cedar       ran? 60s\n"},
		{"ledger credit cedar", "10 credit"},
	} {
		if out := c.ok(strings.Fields(tt.line)...); !strings.Contains(out, tt.want) {
			t.Errorf("%s: no %q in\n%s", tt.line, tt.want, out)
		}
	}
	node.units = 1 // then there is no doubt about the unit of a note
	node.next = 8
	r := c.run("ledger", "ls", "cedar", "--from", "6", "-n", "2")
	if !strings.Contains(r.out, "0.00004 credit   cedar") || node.options != (api.EntryOptions{From: 6, Limit: 2}) ||
		r.err != "there are more: caravela ledger ls cedar --from 8\n" {
		t.Errorf("%+v %+v", r, node.options)
	}
	c.ok("ledger", "credit", "cedar", "--limit", "2.5", "--unit", "EUR")
	if node.credit != (api.CreditRequest{LimitMicro: 2_500_000, Unit: "EUR"}) {
		t.Errorf("%+v", node.credit)
	}
	c.ok("ledger", "credit", "cedar", "--default")
	if node.credit != (api.CreditRequest{Default: true}) {
		t.Errorf("%+v", node.credit)
	}
}

func TestSettle(t *testing.T) {
	node := &creditor{Fake: apitest.NewFake(), units: 2, state: api.SettlementProposed}
	c := newCLI(t, node)
	r := c.run("ledger", "settle", "cedar", "--amount", "12.5 EUR", "--ref", "invoice 12")
	if node.settled != (api.SettleRequest{AmountMicro: 12_500_000, Unit: "EUR", Reference: "invoice 12"}) || r.out != recordedID+"\n" ||
		r.err != "proposed: we paid cedar 12.5 EUR (invoice 12)\ncedar's user has to agree: caravela ledger settle --accept 3f9a1c001122\n" {
		t.Errorf("%+v %+v", r, node.settled)
	}
	if r := c.run("ledger", "settle", "cedar", "--amount", "all", "--received"); r.code != 1 || !strings.Contains(r.err, "0.25 credit, 2 EUR are owed") {
		t.Errorf("of two units one was taken: %+v", r)
	}
	r = c.run("ledger", "settle", "cedar", "--amount", "all", "--received", "--unit", "EUR")
	if node.settled != (api.SettleRequest{AmountMicro: 2_000_000, Unit: "EUR", Received: true}) || !strings.Contains(r.err, "cedar agrees by itself") {
		t.Errorf("%+v %+v", r, node.settled)
	}
	node.state = api.SettlementSettled
	c.ok("ledger", "settle", "cedar", "--amount", "all") // in this direction there is one unit
	if node.settled != (api.SettleRequest{AmountMicro: 30, Unit: "credit"}) {
		t.Errorf("%+v", node.settled)
	}
	if out := c.ok("ledger", "settle", "cedar", "--amount", "1", "-o", "wide"); !strings.Contains(out, "settled") || !strings.Contains(out, "REFERENCE") {
		t.Errorf("%s", out)
	}
	for line, want := range map[string]string{
		"ledger settle":                                "needs a peer",
		"ledger settle cedar":                          "--amount is missing",
		"ledger settle cedar --amount 0":               "more than 0",
		"ledger settle cedar --amount all --unit gold": "owes cedar nothing",
		"ledger settle cedar --amount 1 --ls":          "exclude each other",
		"ledger settle --ls --accept x":                "exclude each other",
		"ledger settle cedar --accept x":               "exclude each other",
		"ledger settle --accept x":                     "settle --ls",
	} {
		if r := c.run(strings.Fields(line)...); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

func TestSettlementsAreAccepted(t *testing.T) {
	node := apitest.NewFake()
	s, err := node.Settle(t.Context(), "cedar", api.SettleRequest{AmountMicro: 30, Received: true})
	if err != nil {
		t.Fatal(err)
	}
	c := newCLI(t, node)
	if out := c.ok("ledger", "settle", "--ls"); !strings.Contains(out, "cedar paid us 0.00003 credit   waits for the peer") {
		t.Errorf("%s", out)
	}
	if r := c.run("ledger", "settle", "--accept", s.ID[:8]); r.code != 0 || !strings.HasPrefix(r.err, "settled: cedar paid us 0.00003 credit, signed by both") {
		t.Errorf("%+v", r)
	}
	if out := c.ok("ledger", "settle", "--ls", "-o", "json"); out != "[]\n" {
		t.Errorf("%q", out)
	}
}

func TestPeers(t *testing.T) {
	c := newCLI(t, apitest.NewFake())
	for _, tt := range []struct{ line, opinion, remark string }{
		{"peer block cedar", "blocked", ""}, {"peer trust cedar", "blocked, trusted", ""}, {"peer unblock cedar", "trusted", ""},
		{"peer note cedar late", "trusted", "late"}, {"peer untrust cedar", "", "late"},
	} {
		if out := c.ok(strings.Fields(tt.line)...); !strings.Contains(out, "cedar   "+printable(tt.opinion)+" ") || tt.remark != "" && !strings.Contains(out, tt.remark) {
			t.Errorf("%s: %s", tt.line, out)
		}
	}
	if out := c.ok("peer", "note", "cedar", "", "-o", "json"); !strings.Contains(out, `"remark": ""`) {
		t.Errorf("%s", out)
	}
	if out := c.ok("peer", "ls", "-q"); out != apitest.CedarID+"\n" {
		t.Errorf("%q", out)
	}
	if r := c.run("peer", "block", "cedar", "nobody"); r.code != 1 || !strings.Contains(r.out, "blocked") {
		t.Errorf("what worked is not shown: %+v", r)
	}
}

// Names are completed from what the node knows.
func TestMoneyCompletion(t *testing.T) {
	node := apitest.NewFake()
	apitest.Start(t, node, "web")
	c := newCLI(t, node)
	c.address, c.direct = "", node
	for line, want := range map[string]string{
		"lease inspect ": "web\tbought", "lease renew ": "web\t", "ledger balance ": "cedar\n", "peer block ": "cedar\n",
		"market search --sort ": "price\n", "events --type ": "webhook\n", "run --strategy ": "cheapest\n",
	} {
		if out := c.ok(append([]string{"__complete"}, strings.Split(line, " ")...)...); !strings.Contains(out, want) {
			t.Errorf("%s: no %q in %q", line, want, out)
		}
	}
	if out := c.ok("__complete", "peer", "trust", ""); strings.Count(out, "cedar") != 1 || strings.Contains(out, "oak") {
		t.Errorf("one peer is offered once, and this node never: %q", out)
	}
	if out := c.ok("__complete", "lease", "reclaim", ""); strings.Contains(out, "web") {
		t.Errorf("what was bought is offered for a reclaim: %q", out)
	}
}
