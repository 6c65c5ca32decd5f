package market_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

func TestObjectsRoundTrip(t *testing.T) {
	offer := seller.Offer(testOffer())
	if got, err := market.OpenOffer(offer.Envelope); err != nil || !reflect.DeepEqual(got, offer) {
		t.Errorf("offer:\n got %+v, %v\nwant %+v", got, err, offer)
	}
	asked := buyer.Lease(testLease())
	if got, err := market.OpenLease(byBuyer(asked), nil); err != nil || !reflect.DeepEqual(got, asked) {
		t.Errorf("lease:\n got %+v, %v\nwant %+v", got, err, asked)
	}
	both := seller.Countersign(asked)
	if asked.BySupplier != "" {
		t.Error("Countersign changed its argument")
	}
	if got, err := market.OpenLease(both.Envelopes()); err != nil || !reflect.DeepEqual(got, both) {
		t.Errorf("lease of both:\n got %+v, %v\nwant %+v", got, err, both)
	}
	status := seller.Status(testStatus(both.ID))
	if got, err := market.OpenStatus(status.Envelope()); err != nil || !reflect.DeepEqual(got, status) {
		t.Errorf("status:\n got %+v, %v\nwant %+v", got, err, status)
	}
	network := seller.Found(testGenesis(), market.DefaultParams)
	if got, err := market.OpenNetwork(network.GenesisEnvelope, network.ParamsEnvelope); err != nil || !reflect.DeepEqual(got, network) {
		t.Errorf("network:\n got %+v, %v\nwant %+v", got, err, network)
	}
	if seller.SpecHash(testSpec()) != market.HashSpec(testSpec()) {
		t.Error("the keyring hashes a spec differently")
	}
}

// The same values give the same bytes, whoever encodes them.
func TestEncodingIsFixed(t *testing.T) {
	if a, b := buyer.Lease(testLease()), buyer.Lease(testLease()); a.ID != b.ID {
		t.Error("equal leases have two IDs")
	}
	l := testLease()
	l.Nonce++
	if buyer.Lease(l).ID == buyer.Lease(testLease()).ID {
		t.Error("the nonce makes no difference")
	}
}

func TestOffersInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Offer){
		"nobody":             func(o *market.Offer) { o.Supplier = market.PeerID{} },
		"another's name":     func(o *market.Offer) { o.Supplier = stranger.Self() },
		"no sequence":        func(o *market.Offer) { o.Seq = 0 },
		"negative":           func(o *market.Offer) { o.Free.CPU = -1 },
		"beyond any machine": func(o *market.Offer) { o.Total.CPU = market.MaxCPU + 1 },
		"more than it has":   func(o *market.Offer) { o.Free.Memory = o.Total.Memory + 1 },
		"no platform":        func(o *market.Offer) { o.Platform = market.Platform{} },
		"half a platform":    func(o *market.Offer) { o.Platform.Arch = "" },
		"class":              func(o *market.Offer) { o.Class = market.MaxCPUClass + 1 },
		"reach":              func(o *market.Offer) { o.Reach = market.ReachPublic + 1 },
		"name":               func(o *market.Offer) { o.Name = "../etc" },
		"long name":          func(o *market.Offer) { o.Name = strings.Repeat("x", 70) },
		"ports":              func(o *market.Offer) { o.PortLow, o.PortHigh = 2, 1 },
		"longest":            func(o *market.Offer) { o.Longest = -time.Second },
		"labels unsorted":    func(o *market.Offer) { o.Labels[0], o.Labels[1] = o.Labels[1], o.Labels[0] },
		"label twice":        func(o *market.Offer) { o.Labels[1] = o.Labels[0] },
		"label without key":  func(o *market.Offer) { o.Labels[0].Key = "" },
		"long label":         func(o *market.Offer) { o.Labels[0].Value = strings.Repeat("x", market.MaxLabel+1) },
		"too many labels":    func(o *market.Offer) { o.Labels = make([]market.Label, market.MaxLabels+1) },
		"wordy labels":       func(o *market.Offer) { o.Labels = wordyLabels(17) },
		"too large": func(o *market.Offer) {
			o.Labels = []market.Label{{Key: "k", Value: strings.Repeat("x", market.MaxOfferBytes)}}
		},
		"far date": func(o *market.Offer) { o.ValidUntil = 1 << 60 },
	} {
		o := testOffer()
		f(&o)
		if got, err := market.OpenOffer(seller.Offer(o).Envelope); !errors.Is(err, market.ErrMalformed) && !errors.Is(err, market.ErrBadSpec) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
	}
}

// wordyLabels returns n labels of 512 bytes each.
func wordyLabels(n int) (ls []market.Label) {
	for i := range n {
		key := string(rune('a'+i)) + strings.Repeat("k", market.MaxLabel-1)
		ls = append(ls, market.Label{Key: key, Value: strings.Repeat("v", market.MaxLabel)})
	}
	return ls
}

func TestLargestOfferOpens(t *testing.T) {
	o := testOffer()
	o.Name, o.Labels = strings.Repeat("x", 63), wordyLabels(16)
	if _, err := market.OpenOffer(seller.Offer(o).Envelope); err != nil {
		t.Error(err)
	}
}

func TestLeasesInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Lease){
		"another's name":  func(l *market.Lease) { l.Buyer = stranger.Self() },
		"no supplier":     func(l *market.Lease) { l.Supplier = market.PeerID{} },
		"no processor":    func(l *market.Lease) { l.Resources.CPU = market.MinCPU - 1 },
		"no memory":       func(l *market.Lease) { l.Resources.Memory = market.MinMemory - 1 },
		"too much":        func(l *market.Lease) { l.Resources.Disk = market.MaxBytes + 1 },
		"no image":        func(l *market.Lease) { l.Image = "" },
		"long image":      func(l *market.Lease) { l.Image = strings.Repeat("x", 513) },
		"long digest":     func(l *market.Lease) { l.Digest = strings.Repeat("x", 257) },
		"no term":         func(l *market.Lease) { l.End = l.Start },
		"ends first":      func(l *market.Lease) { l.End = l.Start - 1 },
		"a long term":     func(l *market.Lease) { l.End = l.Start.Add(market.MaxTerm) + 1 },
		"wraps an int64":  func(l *market.Lease) { l.End = l.Start + (1<<63)/500_000 + 1 },
		"far date":        func(l *market.Lease) { l.Start = 1 << 60; l.End = l.Start + 1000 },
		"half a chain":    func(l *market.Lease) { l.First = filled(1) },
		"the other half":  func(l *market.Lease) { l.Prev = filled(1) },
		"rule":            func(l *market.Lease) { l.Renew = 9 },
		"too many ports":  func(l *market.Lease) { l.Ports = make([]market.Port, market.MaxPorts+1) },
		"too many pids":   func(l *market.Lease) { l.Pids = 1<<20 + 1 },
		"a negative pids": func(l *market.Lease) { l.Pids = -1 },
	} {
		l := testLease()
		f(&l)
		if got, err := market.OpenLease(byBuyer(buyer.Lease(l)), nil); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
	}
}

func TestLeaseNeedsBothPeersSignatures(t *testing.T) {
	asked := buyer.Lease(testLease())
	other := testLease()
	other.Nonce++
	for name, by := range map[string][]byte{
		"the buyer itself":    byBuyer(asked),
		"a stranger":          bySupplier(stranger.Countersign(asked)),
		"over another lease":  bySupplier(seller.Countersign(buyer.Lease(other))),
		"garbage":             []byte("garbage"),
		"a status, not lease": seller.Status(testStatus(asked.ID)).Envelope(),
	} {
		if _, err := market.OpenLease(byBuyer(asked), by); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("countersigned by %s: %v", name, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a lease that was never verified was countersigned")
		}
	}()
	seller.Countersign(&market.SignedLease{})
}

func TestUnitNamesTheChain(t *testing.T) {
	first := granted()
	second := buyer.Lease(renewal(first))
	third := buyer.Lease(renewal(second))
	if first.Unit() != first.ID || second.Unit() != first.ID || third.Unit() != first.ID {
		t.Errorf("units %s, %s, %s", first.Unit().Short(), second.Unit().Short(), third.Unit().Short())
	}
	if third.Prev != second.ID || third.Term() != 24*time.Hour {
		t.Errorf("third: %+v", third)
	}
}

func TestNetworksAreTheirCreators(t *testing.T) {
	good := seller.Found(testGenesis(), market.DefaultParams)
	inName := testGenesis()
	inName.Creator = stranger.Self()
	badName := testGenesis()
	badName.Name = "a b"
	forged := func(g market.Genesis) []byte { return seller.Found(g, market.DefaultParams).GenesisEnvelope }
	unfit := market.DefaultParams(good.ID())
	unfit.Replicas = 0
	for name, e := range map[string][2][]byte{
		"another's genesis":      {forged(inName), good.ParamsEnvelope},
		"bad name":               {forged(badName), good.ParamsEnvelope},
		"another's parameters":   {good.GenesisEnvelope, stranger.Params(good.Params)},
		"of another network":     {good.GenesisEnvelope, seller.Params(market.DefaultParams(filled(1)))},
		"impossible parameters":  {good.GenesisEnvelope, seller.Params(unfit)},
		"swapped":                {good.ParamsEnvelope, good.GenesisEnvelope},
		"no genesis":             {nil, good.ParamsEnvelope},
		"no parameters":          {good.GenesisEnvelope, nil},
		"genesis with bad nonce": {market.Seal(sellerKey, market.KindGenesis, []byte{0x28, 1}), good.ParamsEnvelope},
	} {
		if _, err := market.OpenNetwork(e[0], e[1]); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	next := good.Params
	next.Version++
	if s, err := market.OpenNetwork(good.GenesisEnvelope, seller.Params(next)); err != nil || s.ID() != good.ID() {
		t.Errorf("new parameters: %v", err)
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	seen := map[market.Table]bool{}
	for _, r := range everyRecord() {
		table, key := r.Key()
		if seen[table] {
			t.Errorf("two records in table %d", table)
		}
		seen[table] = true
		b := market.EncodeRecord(r)
		got, err := market.DecodeRecord(table, b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%T:\n got %+v, %v\nwant %+v", r, got, err, r)
			continue
		}
		if _, k := got.Key(); k != key {
			t.Errorf("%T has another key", r)
		}
		for n := 0; n < len(b); n += 1 + len(b)/200 { // each costs signatures
			market.DecodeRecord(table, b[:n]) // must not panic
		}
	}
	sparse := &market.Bought{Lease: buyer.Lease(testLease()), Spec: testSpec()}
	if got, err := market.DecodeRecord(market.BoughtTable, market.EncodeRecord(sparse)); err != nil || !reflect.DeepEqual(got, sparse) {
		t.Errorf("sparse: %+v, %v", got, err)
	}
}

func TestBadRecords(t *testing.T) {
	ungranted := market.EncodeRecord(&market.Sold{Lease: buyer.Lease(testLease()), Spec: market.Pack(testSpec())})
	for name, r := range map[string]struct {
		table market.Table
		bytes []byte
	}{
		"no table":         {99, nil},
		"empty sale":       {market.SoldTable, nil},
		"empty purchase":   {market.BoughtTable, nil},
		"sale not granted": {market.SoldTable, ungranted},
		"damaged":          {market.SoldTable, []byte{0xff}},
	} {
		if got, err := market.DecodeRecord(r.table, r.bytes); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	market.EncodeRecord(nil)
}
