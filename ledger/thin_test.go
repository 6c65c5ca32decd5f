package ledger_test

import (
	"testing"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// thin thins a side's log, and returns how many entries it has left.
func thin(t *testing.T, s *side, before market.Wall) int {
	t.Helper()
	th := ledger.NewThinner(before)
	for _, e := range s.log() {
		th.Add(ledger.Open(e))
	}
	for _, batch := range th.Saves() {
		s.out.Saves = batch
		s.save()
		if _, err := s.verify(); err != nil { // after each, as a crash would leave it
			t.Fatal(err)
		}
	}
	return len(s.log())
}

// A thinned log verifies to the same balances, and can grow and be thinned on.
func TestThin(t *testing.T) {
	for name, side := range map[string]func(*deal) *side{
		"seller": func(d *deal) *side { return d.sell },
		"buyer":  func(d *deal) *side { return d.buy },
	} {
		t.Run(name, func(t *testing.T) {
			d := life(t)
			s := side(d)
			want, err := s.verify()
			if err != nil {
				t.Fatal(err)
			}
			before := len(s.log())
			if n := thin(t, s, noon); n != before {
				t.Errorf("%d entries: a lease that ended now was thinned", n)
			}
			if n := thin(t, s, noon+1); n != before-4 { // notes 1 to 5 became one
				t.Errorf("%d entries of %d are left", n, before)
			}
			got, err := s.verify()
			if err != nil || got.Thinned != 5 || got.Notes != want.Notes-5 || got.Entries != want.Entries || got.Balances[0] != want.Balances[0] {
				t.Errorf("%+v, %v; was %+v", got, err, want)
			}
			if n := thin(t, s, noon+1); n != before-4 {
				t.Errorf("%d entries: thinned once more", n)
			}
			s.start()
			l := testLease()
			l.Nonce = 9
			d.grant(l)
			for range 3 {
				d.bill(60, nil)
			}
			d.close()
			if n := thin(t, s, noon+1); n != len(s.log()) || n > before+3 {
				t.Errorf("%d entries are left", n)
			}
			if _, err := s.verify(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What was due at a settlement still adds up, and open leases stay whole.
func TestThinKeepsWhatCounts(t *testing.T) {
	d := newDeal(t)
	p := &pair{d, t}
	for range 10 {
		d.bill(600, nil)
	}
	p.settle(d.sell, true, p.owed())
	p.carry(d.sell, d.buy)
	p.carry(d.buy, d.sell)
	for range 10 {
		d.bill(600, nil)
	}
	if n := thin(t, d.sell, noon.Add(time.Hour)); n != 22 {
		t.Errorf("%d entries: an open lease was thinned", n)
	}
	d.close()
	if n := thin(t, d.sell, noon.Add(time.Hour)); n != 8 { // lease, run, note, settlement, run, note, two receipts
		t.Errorf("%d entries are left", n)
	}
	p.agree(p.owed())
}

// A forged run is found: by its neighbours, or by the sums.
func TestThinForged(t *testing.T) {
	for name, change := range map[string]func(log []*market.Entry) []*market.Entry{
		"of a note that counts": func(log []*market.Entry) []*market.Entry {
			return append(append(log[:2:2], market.Thin(log[2], log[6], market.EntryHash(log[6]))), log[7:]...)
		},
		"of another hash": func(log []*market.Entry) []*market.Entry {
			return append(append(log[:2:2], market.Thin(log[2], log[3], [32]byte{1})), log[4:]...)
		},
		"of too many": func(log []*market.Entry) []*market.Entry {
			return append(append(log[:2:2], market.Thin(log[2], log[4], market.EntryHash(log[3]))), log[4:]...)
		},
		"that cannot be read": func(log []*market.Entry) []*market.Entry {
			e := market.Thin(log[2], log[3], market.EntryHash(log[3]))
			e.First = []byte{0xff}
			return append(append(log[:2:2], e), log[4:]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeal(t)
			for range 6 {
				d.bill(60, nil)
			}
			d.close()
			if _, err := ledger.Verify(seller.Self(), network, d.sell.account(), all(change(d.sell.log()))); err == nil {
				t.Error("verified")
			}
		})
	}
}
