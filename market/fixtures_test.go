package market_test

import (
	"crypto/ed25519"
	"math/rand/v2"
	"time"

	"caravela/market"
)

// The keys of the golden vectors: seeds 0..31 and 32..63.
var (
	sellerKey = testKey(0)
	buyerKey  = testKey(32)
	seller    = market.NewKeyring(sellerKey)
	buyer     = market.NewKeyring(buyerKey)
	stranger  = market.NewKeyring(testKey(64))
)

// testKey derives a key from the 32 bytes that follow each other from first.
func testKey(first byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = first + byte(i)
	}
	return ed25519.NewKeyFromSeed(seed)
}

// byBuyer returns the buyer's envelope of what two sign.
func byBuyer(signed any) []byte {
	if l, ok := signed.(*market.SignedLease); ok {
		env, _ := l.Envelopes()
		return env
	}
	_, env := signed.(second).Envelopes()
	return env
}

// bySupplier returns the supplier's.
func bySupplier(signed any) []byte {
	if l, ok := signed.(*market.SignedLease); ok {
		_, env := l.Envelopes()
		return env
	}
	env, _ := signed.(second).Envelopes()
	return env
}

// second is what a buyer signs after the supplier.
type second interface {
	Envelopes() (bySupplier, byBuyer []byte)
}

// filled returns 32 bytes of b: an identifier one can read in a dump.
func filled(b byte) (v [32]byte) {
	for i := range v {
		v[i] = b
	}
	return v
}

// noon is 2026-01-02 12:00:00 UTC.
const noon market.Wall = 1767355200000

func randomPeer(r *rand.Rand) (p market.PeerID) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

func testOffer() market.Offer {
	return market.Offer{
		Network:    filled(0xaa),
		Supplier:   seller.Self(),
		Seq:        7,
		Free:       market.Resources{CPU: 1500, Memory: 3 * market.GiB, Disk: 10 * market.GiB},
		ValidUntil: noon.Add(15 * time.Minute),
		Wares: &market.Wares{
			Total:    market.Resources{CPU: 4000, Memory: 8 * market.GiB, Disk: 20 * market.GiB},
			Platform: market.Platform{OS: "linux", Arch: "amd64"},
			Class:    3,
			Reach:    market.ReachPublic,
			Name:     "cedar",
			Labels:   []market.Label{{Key: "disk", Value: "ssd"}, {Key: "region", Value: "eu"}},
			PortLow:  8000,
			PortHigh: 8999,
			Longest:  7 * 24 * time.Hour,
		},
	}
}

func testSpec() *market.Spec {
	return &market.Spec{
		Image:      "registry.test/web:1",
		Name:       "web",
		Platform:   market.Platform{OS: "linux", Arch: "amd64"},
		Command:    []string{"serve", "--dir", ""},
		Entrypoint: []string{"/web"},
		Env:        []string{"A=1", "B="},
		User:       "1000:1000",
		WorkDir:    "/srv",
		Hostname:   "web",
		Ports:      testPorts(),
		Mounts:     []market.Mount{{Volume: "data", Target: "/data", ReadOnly: true, Keep: true}, {Target: "/tmp"}},
		Labels:     []market.Label{{Key: "app", Value: "shop"}},
		Limits:     market.Resources{CPU: 500, Memory: 64 * market.MiB, Disk: market.GiB},
		Pids:       100,
		Restart:    market.Restart{Policy: market.RestartOnFailure, Max: 3},
		Health: market.Health{
			Command: "/web -check", Disable: true, Interval: 10 * time.Second, Timeout: time.Second,
			Start: 2500 * time.Millisecond, Retries: 4,
		},
		StopSignal: "SIGINT",
		StopGrace:  30 * time.Second,
		Pull:       market.PullAlways,
		TTY:        true,
		Stdin:      true,
		ReadOnly:   true,
		CapDrop:    []string{"NET_RAW"},
	}
}

func testPorts() []market.Port {
	return []market.Port{{Container: 80, Host: 8080}, {Container: 53, UDP: true}}
}

func testLease() market.Lease {
	return market.Lease{
		Network:   filled(0xaa),
		Buyer:     buyer.Self(),
		Supplier:  seller.Self(),
		OfferSeq:  7,
		Nonce:     1 << 40,
		Resources: market.Resources{CPU: 500, Memory: 64 * market.MiB, Disk: market.GiB},
		Pids:      100,
		Image:     "registry.test/web:1",
		Digest:    "sha256:0123456789abcdef",
		Ports:     testPorts(),
		SpecHash:  market.HashSpec(testSpec()),
		Start:     noon,
		End:       noon.Add(24 * time.Hour),
		Renew:     market.RenewNever,
	}
}

func testStatus(unit market.LeaseID) market.Status {
	return market.Status{
		Lease:    unit,
		Seq:      4,
		State:    market.Stopped,
		Reason:   market.Exited,
		ExitCode: -1,
		At:       noon.Add(time.Minute),
		Restarts: 2,
		Detail:   "exited at once",
		Ports:    []market.Binding{{Port: market.Port{Container: 80, Host: 8080}, Addr: "192.0.2.7"}},
		Digest:   "sha256:0123456789abcdef",
		Prev:     filled(0xbb),
	}
}

func testGenesis() market.Genesis {
	return market.Genesis{
		Name: "harbour", Creator: seller.Self(), Created: noon,
		Nonce: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, Private: true,
	}
}

// testParams are those that networks were made with when the vectors were.
func testParams(n market.NetworkID) market.Params {
	p := market.DefaultParams(n)
	p.SplitAt = 1536
	return p
}

// renewal asks for the term after first, for the same unit.
func renewal(first *market.SignedLease) market.Lease {
	l := first.Lease
	l.First, l.Prev = first.Unit(), first.ID
	l.Start, l.End = first.End, first.End.Add(first.Term())
	return l
}

func granted() *market.SignedLease { return seller.Countersign(buyer.Lease(testLease())) }

func testRef(b byte) market.Ref {
	return market.Ref{Peer: filled(b), Addrs: []string{"/ip4/192.0.2.1/tcp/7401", "/ip4/192.0.2.1/udp/7401/quic-v1"}}
}

func testRegion() market.Region {
	return market.Region{Platform: market.Platform{OS: "linux", Arch: "amd64"}, Depth: 3, Shard: 5}
}

func testSummary() market.Summary {
	return market.Summary{Region: testRegion(), Offers: 40, Deeper: 1,
		Peaks: []market.Point{{Free: testOffer().Free, Class: 3}, {Free: market.Resources{CPU: 250, Memory: market.GiB}, Class: 4}}}
}

func testWant() market.Want {
	return market.Want{
		Need:        market.Resources{CPU: 500, Memory: 64 * market.MiB, Disk: market.MiB},
		Platform:    market.Platform{OS: "linux", Arch: "amd64"},
		Class:       2,
		Constraints: []market.Constraint{{Key: "region", Value: "eu"}, {Key: "disk", Value: "hdd", Not: true}},
		Ports:       []uint16{8080, 8443},
		Publishes:   true,
		Term:        24 * time.Hour,
		Strategy:    market.Spread,
		On:          filled(0x31),
		Exclude:     []market.PeerID{filled(0x41), filled(0x42)},
	}
}

func testTally() market.Tally {
	return market.Tally{
		Regions: 3, Offers: 41, Fit: 2,
		Misses: []market.Miss{
			{Kind: market.MissLabel, Detail: "region==eu", Count: 6},
			{Kind: market.MissMemory, Count: 22, Best: int64(384 * market.MiB)},
		},
		Near: &market.Nearest{Supplier: filled(0x51), Name: "oak", Kind: market.MissCPU, Have: 250},
	}
}

// everyMessage returns one message of each type, all fields set.
func everyMessage() []market.Message {
	offer, lease := seller.Offer(testOffer()), buyer.Lease(testLease())
	region := testRegion()
	root := market.RootRegion(region.Platform)
	return []market.Message{
		&market.CreateOffer{Offer: offer, At: testRef(1), Region: region, Replicas: []market.PeerID{filled(2), filled(3)}, Above: []market.Ref{testRef(4), testRef(5)}},
		&market.UpdateOffer{Offer: offer, At: testRef(1), Region: root, Replicas: []market.PeerID{filled(2), filled(3)}},
		&market.OfferAck{Seq: 7, Region: region, Code: market.AckMerge, Depth: 2},
		&market.RefreshOffer{Seq: 7, Region: region, Code: market.AckSplit, Depth: 4},
		&market.RefreshAck{Region: region, Offer: offer, At: testRef(1)},
		&market.RemoveOffer{Seq: 7, Region: region},
		&market.GetOffers{Ref: 9, Region: region, Want: testWant(), Max: 5, Relay: true, Buy: true},
		&market.Offers{
			Ref: 9, Region: region, Tally: testTally(), Trader: true,
			Offers: []market.OfferAt{{Offer: offer, Addrs: testRef(1).Addrs}, {Offer: offer}},
			Hints:  []market.Hint{{Summary: testSummary(), Traders: []market.Ref{testRef(2)}}},
		},
		&market.AdvertiseOffersNeighbor{Summary: testSummary(), At: testRef(6)},
		&market.LaunchContainer{Lease: lease, Spec: testSpec(), Auth: "e30=", At: testRef(7)},
		&market.Grant{Lease: granted()},
		&market.Refusal{Lease: lease.ID, Reason: market.NoCapacity, Detail: "1 of 4 cores is free", Free: testOffer().Free},
		&market.StopContainer{Unit: lease.ID, Op: market.OpKill, Signal: "SIGHUP", Grace: -time.Second, Ref: 11},
		&market.StopAck{Unit: lease.ID, Ref: 11, Reason: market.NotOwner, Detail: "another peer's"},
		&market.StatusUpdate{Status: seller.Status(testStatus(lease.ID))},
		&market.StatusAck{Unit: lease.ID, Seq: 4},
		&market.Goodbye{},
		&market.RequestHold{
			Ref: 12, OfferSeq: 7, Resources: testLease().Resources, Pids: 100, Ports: testPorts(), Image: testSpec().Image,
			Terms: testTerms(), Term: 24 * time.Hour, For: 30 * time.Second,
		},
		&market.GrantHold{Ref: 12, Hold: seller.Hold(testHold())},
		&market.ReleaseHold{Hold: filled(0x61)},
		&market.ReportUsage{Note: seller.Usage(testUsage(3))},
		&market.AckUsage{Lease: priced().ID, Seq: 2, Note: acked(2)},
		&market.GiveNotice{Notice: seller.Notice(testNotice())},
		&market.AckNotice{Unit: filled(0x62), Seq: 3},
		&market.IssueReceipt{Receipt: seller.Receipt(testReceipt())},
		&market.SignReceipt{Lease: priced().ID, Receipt: received()},
		&market.ProposeSettlement{Settlement: buyer.Settlement(testSettlement())},
		&market.AnswerSettlement{ID: agreed().ID, Settlement: agreed()},
	}
}

// named is a message that the golden files know by a name of its own.
type named struct {
	name string // that of the type, a comma, and what it shows
	market.Message
}

// laterMessages are messages of which everyMessage shows another form, or in
// which fields are set that came later than the message's first vector.
func laterMessages() []named {
	lease := priced()
	want := testWant()
	want.Strategy, want.MaxPrice, want.MaxPriceSet, want.Unit = market.Cheapest, 50_000, true, "credit"
	tally := market.Tally{
		Regions: 1, Offers: 3,
		Misses: []market.Miss{{Kind: market.MissPrice, Detail: "EUR", Count: 2, Best: 61_000}},
		Near:   &market.Nearest{Supplier: filled(0x51), Name: "oak", Kind: market.MissPrice, Have: 61_000, Unit: "EUR"},
	}
	return []named{
		{"GetOffers, at a price", &market.GetOffers{Ref: 9, Region: testRegion(), Want: want, Max: 5}},
		{"Offers, too dear", &market.Offers{Ref: 9, Region: testRegion(), Tally: tally, Trader: true}},
		{"AdvertiseOffersNeighbor, with a time", &market.AdvertiseOffersNeighbor{Summary: testSummary(), At: testRef(6), Said: noon}},
		{"LaunchContainer, with terms", &market.LaunchContainer{Lease: buyer.Lease(lease.Lease), Spec: testSpec(), At: testRef(7)}},
		{"Grant, with terms", &market.Grant{Lease: lease}},
		{"Refusal, the terms changed", &market.Refusal{Lease: lease.ID, Reason: market.PriceChanged, Offer: seller.Offer(pricedOffer())}},
		{"Refusal, of a hold", &market.Refusal{Reason: market.OverCredit, Detail: "0.9 of 1 credit are used", Ref: 12}},
		{"AckUsage, disputed", &market.AckUsage{Lease: lease.ID, Seq: 2, Reason: market.Disputed, Detail: "90 s in a minute"}},
		{"SignReceipt, disputed", &market.SignReceipt{Lease: lease.ID, Reason: market.Disputed, Detail: "another note"}},
		{"AnswerSettlement, disputed", &market.AnswerSettlement{ID: agreed().ID, Reason: market.Disputed, Detail: "nothing came"}},
	}
}

// everyRecord returns one record of each table, all fields set.
func everyRecord() []market.Record {
	lease := granted()
	status := seller.Status(testStatus(lease.ID))
	return []market.Record{
		&market.Sold{Lease: lease, Spec: market.Pack(testSpec()), Status: status, Acked: 3, Stopped: true, Ending: market.Expired, Buyer: testRef(7)},
		&market.Bought{Lease: lease, Renewal: buyer.Lease(renewal(lease)), Spec: testSpec(), Status: status, Undo: true, Supplier: testRef(8), Offer: "cedar"},
		&market.Seq{Seq: 1 << 33},
		&market.Home{Region: market.Region{Platform: market.Platform{OS: "linux", Arch: "arm64"}, Depth: 2, Shard: 251}, Traders: []market.Ref{testRef(9), testRef(10)}},
		&market.Meter{
			Unit: filled(0x62), Lease: priced().ID, Sold: true,
			Note: seller.Usage(testUsage(3)), Acked: acked(2),
			Receipt: seller.Receipt(testReceipt()), Notice: seller.Notice(testNotice()), Heard: 2, Seen: noon.Add(time.Minute),
			Owing: []*market.SignedReceipt{received(), seller.Receipt(testReceipt())},
		},
		&market.Meter{Unit: filled(0x62), Lease: priced().ID, Note: seller.Usage(testUsage(1)), Past: granted()},
		testAccount(),
		&market.Reserved{Hold: seller.Hold(testHold())},
		&market.Tomb{Lease: filled(0x63), Buyer: buyer.Self(), Until: noon},
		&market.Entry{
			Peer: buyer.Self(), Index: 1 << 33, At: noon, Kind: market.EntryUsage, First: bySupplier(acked(2)),
			Second: byBuyer(acked(2)), Prev: filled(0xbb),
		},
		&market.Proposed{Settlement: agreed()},
	}
}
