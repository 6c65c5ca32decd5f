package market_test

import (
	"testing"

	"caravela/market"
)

func BenchmarkOpenOffer(b *testing.B) {
	e := seller.Offer(testOffer()).Envelope
	b.ReportAllocs()
	for b.Loop() {
		if _, err := market.OpenOffer(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignOffer(b *testing.B) {
	o := testOffer()
	b.ReportAllocs()
	for b.Loop() {
		seller.Offer(o)
	}
}

// An answer with eight offers is what a search usually brings.
func answerOf8() *market.Offers {
	m := &market.Offers{Ref: 1, Region: testRegion(), Tally: testTally()}
	for range 8 {
		m.Offers = append(m.Offers, market.OfferAt{Offer: seller.Offer(testOffer()), Addrs: testRef(1).Addrs})
	}
	return m
}

func BenchmarkEncodeAnswer(b *testing.B) {
	m := answerOf8()
	b.ReportAllocs()
	for b.Loop() {
		encode(b, m)
	}
}

func BenchmarkDecodeAnswer(b *testing.B) {
	wire := encode(b, answerOf8())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := market.DecodeMessage(wire); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMiss(b *testing.B) {
	w, o := fitting(), testOffer()
	b.ReportAllocs()
	for b.Loop() {
		w.Miss(&o)
	}
}

func BenchmarkDistance(b *testing.B) {
	p, k := seller.Self(), testRegion().Key(filled(1))
	b.ReportAllocs()
	for b.Loop() {
		market.Distance(p, k)
	}
}

func BenchmarkRegionKey(b *testing.B) {
	r := testRegion()
	b.ReportAllocs()
	for b.Loop() {
		r.Key(filled(1))
	}
}

func BenchmarkPeerIDString(b *testing.B) {
	p := seller.Self()
	b.ReportAllocs()
	for b.Loop() {
		_ = p.String()
	}
}

func BenchmarkMissPriced(b *testing.B) {
	w, o := fitting(), pricedOffer()
	w.MaxPrice, w.MaxPriceSet, w.Unit = market.MaxAmount, true, "credit"
	b.ReportAllocs()
	for b.Loop() {
		w.Miss(&o)
	}
}

func BenchmarkScoreCheapest(b *testing.B) {
	w, o := fitting(), pricedOffer()
	w.Strategy = market.Cheapest
	b.ReportAllocs()
	for b.Loop() {
		w.Score(&o)
	}
}

func BenchmarkOpenUsage(b *testing.B) {
	bySupplier, byBuyer := acked(2).Envelopes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := market.OpenUsage(bySupplier, byBuyer); err != nil {
			b.Fatal(err)
		}
	}
}
