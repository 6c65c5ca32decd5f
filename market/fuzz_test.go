package market_test

import (
	"bytes"
	"math"
	"reflect"
	"testing"

	"caravela/market"
)

func FuzzDecodeMessage(f *testing.F) {
	for _, m := range append(everyMessage(), laterForms()...) {
		f.Add(encode(f, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := market.DecodeMessage(b)
		if err != nil {
			return
		}
		again, err := market.DecodeMessage(encode(t, m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Errorf("\n got %+v, %v\nwant %+v", again, err, m)
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	for _, r := range everyRecord() {
		table, _ := r.Key()
		f.Add(byte(table), market.EncodeRecord(r))
	}
	f.Fuzz(func(t *testing.T, table byte, b []byte) {
		r, err := market.DecodeRecord(market.Table(table), b)
		if err != nil {
			return
		}
		again, err := market.DecodeRecord(market.Table(table), market.EncodeRecord(r))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("\n got %+v, %v\nwant %+v", again, err, r)
		}
	})
}

func FuzzDecodeSpec(f *testing.F) {
	f.Add(market.EncodeSpec(testSpec()))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := market.DecodeSpec(b)
		if err != nil {
			return
		}
		again, err := market.DecodeSpec(market.EncodeSpec(s))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("\n got %+v, %v\nwant %+v", again, err, s)
		}
	})
}

// Nothing but the signed payload, in its signer's name, ever comes out.
func FuzzOpenEnvelope(f *testing.F) {
	payload := []byte("payload")
	for _, k := range kinds {
		f.Add(market.Seal(sellerKey, k, payload))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, k := range kinds {
			by, got, err := market.Open(k, b)
			if err != nil {
				continue
			}
			if by != seller.Self() || !bytes.Equal(got, payload) {
				t.Errorf("%s %q by %s", k, got, by)
			}
		}
	})
}

// A stranger may sign whatever bytes it likes.
func FuzzOpenPayload(f *testing.F) {
	for _, v := range goldenPayloads(f) {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		seal := func(k market.Kind) []byte { return market.Seal(sellerKey, k, payload) }
		if o, err := market.OpenOffer(seal(market.KindOffer)); err == nil {
			again, err := market.OpenOffer(seller.Offer(o.Offer).Envelope)
			if err != nil || !reflect.DeepEqual(again.Offer, o.Offer) {
				t.Errorf("offer: %+v, %v\nwant %+v", again, err, o)
			}
		}
		if l, err := market.OpenLease(seal(market.KindLease), nil); err == nil {
			again, err := market.OpenLease(byBuyer(seller.Lease(l.Lease)), nil)
			if err != nil || !reflect.DeepEqual(again.Lease, l.Lease) {
				t.Errorf("lease: %+v, %v\nwant %+v", again, err, l)
			}
			if !bytes.Equal(byBuyer(l), seal(market.KindLease)) {
				t.Errorf("lease %+v came back as another", l)
			}
			if l.Term() <= 0 || l.Term() > market.MaxTerm || int64(l.End-l.Start) > market.MaxTerm.Milliseconds() {
				t.Errorf("a term of %v", l.Term())
			}
		}
		if s, err := market.OpenStatus(seal(market.KindStatus)); err == nil {
			again, err := market.OpenStatus(seller.Status(s.Status).Envelope())
			if err != nil || !reflect.DeepEqual(again.Status, s.Status) {
				t.Errorf("status: %+v, %v\nwant %+v", again, err, s)
			}
			if !bytes.Equal(s.Envelope(), seal(market.KindStatus)) {
				t.Errorf("status %+v came back as another", s)
			}
		}
		openDeals(t, seal)
		network := seller.Found(testGenesis(), market.DefaultParams)
		market.OpenNetwork(seal(market.KindGenesis), network.ParamsEnvelope)
		market.OpenNetwork(network.GenesisEnvelope, seal(market.KindParams))
	})
}

// openDeals reads a stranger's bytes as each of the priced and settled objects.
func openDeals(t *testing.T, seal func(market.Kind) []byte) {
	t.Helper()
	same := func(again, want any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("\n got %+v, %v\nwant %+v", again, err, want)
		}
	}
	if h, err := market.OpenHold(seal(market.KindHold)); err == nil {
		again, err := market.OpenHold(seller.Hold(h.Hold).Envelope)
		same(again.Hold, h.Hold, err)
	}
	if n, err := market.OpenUsage(seal(market.KindUsage), nil); err == nil {
		again, err := market.OpenUsage(bySupplier(seller.Usage(n.UsageNote)), nil)
		same(again.UsageNote, n.UsageNote, err)
		same(bySupplier(n), seal(market.KindUsage), nil)
	}
	if n, err := market.OpenNotice(seal(market.KindNotice)); err == nil {
		again, err := market.OpenNotice(seller.Notice(n.Notice).Envelope)
		same(again.Notice, n.Notice, err)
	}
	if r, err := market.OpenReceipt(seal(market.KindReceipt), nil); err == nil {
		again, err := market.OpenReceipt(bySupplier(seller.Receipt(r.Receipt)), nil)
		same(again.Receipt, r.Receipt, err)
		same(bySupplier(r), seal(market.KindReceipt), nil)
	}
	if s, err := market.OpenSettlement(seal(market.KindSettlement), nil); err == nil {
		again, err := market.OpenSettlement(seller.Settlement(s.Settlement).Proposal, nil)
		same(again.Settlement, s.Settlement, err)
	}
}

func goldenPayloads(t testing.TB) (payloads [][]byte) {
	for _, v := range goldenVectors(t) {
		payloads = append(payloads, unhex(t, v.Payload))
	}
	return payloads
}

func FuzzParsePeerID(f *testing.F) {
	f.Add(seller.Self().String())
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := market.ParsePeerID(s); err == nil && p.String() != s {
			t.Errorf("%q is read as %q", s, p)
		}
	})
}

func FuzzParseLeaseID(f *testing.F) {
	f.Add(granted().ID.String())
	f.Fuzz(func(t *testing.T, s string) {
		if l, err := market.ParseLeaseID(s); err == nil {
			if again, err := market.ParseLeaseID(l.String()); again != l || err != nil {
				t.Errorf("%q: %s, %v", s, again, err)
			}
		}
	})
}

func FuzzParseCPU(f *testing.F) {
	f.Add("0.5")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := market.ParseCPU(s)
		if err != nil {
			return
		}
		if again, err := market.ParseCPU(c.String()); again != c || err != nil || c < 0 || c > market.MaxCPU {
			t.Errorf("%q: %d, then %d, %v", s, c, again, err)
		}
	})
}

func FuzzParseBytes(f *testing.F) {
	f.Add("1.5GiB")
	f.Add("1024.999999t")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := market.ParseBytes(s)
		if err != nil {
			return
		}
		again, err := market.ParseBytes(b.String()) // one decimal: never more, and less by a tenth of a unit at most
		if err != nil || b < 0 || b > market.MaxBytes || again > b || again < b-b/9 {
			t.Errorf("%q: %d, then %d, %v", s, b, again, err)
		}
	})
}

func FuzzBytesString(f *testing.F) {
	f.Add(int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, n int64) {
		if len(market.Bytes(n).String()) > 16 || len(market.MilliCPU(n).String()) > 24 {
			t.Errorf("%s, %s", market.Bytes(n), market.MilliCPU(n))
		}
	})
}

func FuzzParsePlatform(f *testing.F) {
	f.Add("linux/amd64")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := market.ParsePlatform(s); err == nil && (p.String() != s || !p.Valid()) {
			t.Errorf("%q is read as %q", s, p)
		}
	})
}

func FuzzParseConstraint(f *testing.F) {
	f.Add("node.labels.region==eu")
	f.Add("a!=b==c")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := market.ParseConstraint(s)
		if err != nil {
			return
		}
		if again, err := market.ParseConstraint(c.String()); again != c || err != nil {
			t.Errorf("%q: %+v, then %+v, %v", s, c, again, err)
		}
	})
}
