package market_test

import (
	"time"

	"caravela/market"
)

// The fixtures of what is priced, metered and settled: one lease of half a
// core, 64 MiB and 1 GiB of disk, which cost 17,312 micro-credits an hour.

func testPrice() market.Price {
	return market.Price{Unit: "credit", Core: 20_000, Memory: 5_000, Disk: 7_000, Parked: 1_000, Start: 10_000}
}

func testTerms() *market.Terms {
	return &market.Terms{Price: testPrice(), Interval: time.Minute, Bear: 5, Grace: 5 * time.Minute, Notice: 10 * time.Minute}
}

func pricedOffer() market.Offer {
	o := testOffer()
	o.Seq, o.Terms, o.Can, o.Topology = 8, testTerms(), []string{"exec", "pause"}, "4 cores, 8 threads"
	return o
}

// priced is testLease with terms, by a hold, under both signatures.
func priced() *market.SignedLease {
	l := testLease()
	l.OfferSeq, l.Terms, l.Hold, l.MaxCost = 8, testTerms(), seller.Hold(testHold()).ID, 500_000
	return seller.Countersign(buyer.Lease(l))
}

func testHold() market.Hold {
	l := testLease()
	return market.Hold{
		Network: l.Network, Supplier: l.Supplier, Buyer: l.Buyer, OfferSeq: 8, Nonce: 12,
		Resources: l.Resources, Pids: l.Pids, Ports: l.Ports, Terms: testTerms(), Hourly: testPrice().Hourly(l.Resources),
		At: noon, Until: noon.Add(market.HoldTime),
	}
}

// testUsage is the note with a number: a minute runs between two, and the last
// half of one is parked.
func testUsage(seq uint64) market.UsageNote {
	u := market.Usage{Running: 60*seq - 30, Parked: 30}
	n := market.UsageNote{
		Lease: priced().ID, Seq: seq, Usage: u, Amount: testPrice().Amount(testLease().Resources, u),
		Counters: market.Counters{
			CPUSeconds: 9, PeakMemory: 48 * market.MiB, NetIn: 1000, NetOut: 2000, DiskRead: 3000, DiskWrite: 4000, Unhealthy: 5, Restarts: 1,
		},
		At: noon.Add(time.Duration(seq) * time.Minute), Last: seq == 3,
	}
	if seq > 1 {
		n.Prev = seller.Usage(testUsage(seq - 1)).Hash
	}
	return n
}

func testNotice() market.Notice {
	return market.Notice{
		Lease: priced().ID, Unit: priced().ID, Seq: 3, Kind: market.NoticeReclaim, At: noon,
		Deadline: noon.Add(10 * time.Minute), Detail: "needed at home",
	}
}

func testReceipt() market.Receipt {
	n := seller.Usage(testUsage(3))
	return market.Receipt{
		Lease: priced().ID, Note: n.Hash, NoteSeq: n.Seq, Usage: n.Usage, Amount: n.Amount, Price: testPrice(),
		Start: noon, End: noon.Add(3 * time.Minute), EndedBy: seller.Self(), Reason: market.Reclaimed, Early: true,
		Restarts: 1, Unhealthy: 5,
	}
}

func testSettlement() market.Settlement {
	return market.Settlement{
		Network: filled(0xaa), Debtor: buyer.Self(), Creditor: seller.Self(), Amount: 250_000, Unit: "credit",
		Reference: "invoice 12", Receipts: []market.LeaseID{priced().ID, filled(0x64)}, Nonce: 99, At: noon,
	}
}

func acked(seq uint64) *market.SignedUsage { return buyer.AckUsage(seller.Usage(testUsage(seq))) }

func received() *market.SignedReceipt { return buyer.SignReceipt(seller.Receipt(testReceipt())) }

// agreed is testSettlement as the debtor proposed it and the creditor signed it.
func agreed() *market.SignedSettlement {
	return seller.SignSettlement(buyer.Settlement(testSettlement()))
}

func testAccount() *market.Account {
	return &market.Account{
		Peer: buyer.Self(), Entries: 41, Head: filled(0xbc),
		Balances: []market.Balance{{Unit: "credit", Earned: 5, Spent: 4, SettledIn: 3, SettledOut: 2, Unconfirmed: 1}, {Unit: "EUR", Spent: 1 << 40}},
		Limit:    market.Limit{Set: true, Amount: 1_000_000, Unit: "credit"}, Blocked: true, Trusted: true, Remark: "from the club",
	}
}
