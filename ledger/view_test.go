package ledger_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"caravela/ledger"
	"caravela/market"
)

func rows(t *testing.T, s *side) (list []ledger.Row) {
	t.Helper()
	r := ledger.NewRows()
	for _, e := range s.log() {
		list = append(list, r.Row(ledger.Open(e)))
	}
	return list
}

func TestRows(t *testing.T) {
	d := life(t)
	n := d.next(60, nil)
	d.sell.append(n.Entry(), ledger.Change{})
	list := rows(t, d.sell)
	for i, want := range []struct {
		at     int
		kind   market.EntryKind
		signed int
		amount bool
		detail string
	}{
		{0, market.EntryLease, 2, false, "registry.test/web:1"},
		{1, market.EntryUsage, 2, true, "1m0s run"},
		{6, market.EntryNotice, 1, false, "reclaim"},
		{8, market.EntryReceipt, 1, true, "removed by owner"},
		{9, market.EntryReceipt, 2, true, "removed by owner"},
		{13, market.EntryEnd, 1, false, "removed by owner"},
		{16, market.EntrySettlement, 2, true, "invoice 12"},
		{17, market.EntryUsage, 1, true, "never acknowledged"},
	} {
		r := list[want.at]
		if r.Index != uint64(want.at+1) || r.Kind != want.kind || len(r.Signed) != want.signed || (r.Amount > 0) != want.amount || !strings.Contains(r.Detail, want.detail) {
			t.Errorf("row %d: %+v", i, r)
		}
		if want.amount && r.Label != "credit" || r.Kind != market.EntrySettlement && r.Unit != d.lease.Unit() {
			t.Errorf("row %d: unit %q, container %v", i, r.Label, r.Unit)
		}
	}
	bad := ledger.NewRows().Row(ledger.Open(&market.Entry{Peer: buyer.Self(), Index: 1, Kind: market.EntryUsage, First: []byte("x")}))
	if !strings.Contains(bad.Detail, "unreadable") {
		t.Errorf("%+v", bad)
	}
	log := d.sell.log()
	thinned := ledger.NewRows().Row(ledger.Open(market.Thin(log[1], log[3], market.EntryHash(log[3]))))
	if thinned.Detail != "3 usage notes that later ones stand for" || thinned.Index != 2 {
		t.Errorf("%+v", thinned)
	}
	early := seller.Receipt(market.Receipt{Lease: d.lease.ID, Start: noon, End: noon + 1, EndedBy: seller.Self(), Reason: market.Reclaimed, Early: true})
	if r := ledger.NewRows().Row(ledger.Item{Entry: &market.Entry{}, Opened: market.Opened{Receipt: early}}); !strings.Contains(r.Detail, "early") {
		t.Errorf("%+v", r)
	}
}

// The export is for spreadsheets, which must not calculate with a peer's words.
func TestCSV(t *testing.T) {
	d := life(t)
	var b bytes.Buffer
	w, err := ledger.NewCSV(&b)
	if err != nil {
		t.Fatal(err)
	}
	list := rows(t, d.sell)
	list[6].Detail = "=SUM(A1:A9)"
	for _, r := range list {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(table) != 1+len(list) {
		t.Fatalf("%d lines, %v", len(table), err)
	}
	if got := table[17]; got[3] != "settlement" || got[7] != "0.0105" || got[8] != "credit" || got[4] != "" {
		t.Errorf("%q", got)
	}
	if got := table[7]; got[10] != "'=SUM(A1:A9)" || got[7] != "" {
		t.Errorf("%q", got)
	}
	broken := errors.New("the pipe is gone")
	if w, err := ledger.NewCSV(failing{broken}); err != nil || !errors.Is(w.Flush(), broken) {
		t.Errorf("%v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
