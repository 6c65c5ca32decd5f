package market_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"caravela/market"
)

var update = flag.Bool("update", false, "rewrite testdata from what the code does now")

// vector is what another implementation checks itself against.
type vector struct {
	Name     string      `json:"name"`
	Kind     market.Kind `json:"kind"`
	Seed     string      `json:"seed"`   // of the Ed25519 key that signs
	Signer   string      `json:"signer"` // its peer ID
	Payload  string      `json:"payload"`
	Envelope string      `json:"envelope"`
	ID       string      `json:"id"` // SHA-256 of the payload; of the envelope for a genesis
}

func newVector(t testing.TB, name string, k market.Kind, seed []byte, envelope []byte) vector {
	t.Helper()
	by, payload, err := market.Open(k, envelope)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	id := sha256.Sum256(payload)
	if k == market.KindGenesis {
		id = sha256.Sum256(envelope)
	}
	h := hex.EncodeToString
	return vector{name, k, h(seed), by.String(), h(payload), h(envelope), h(id[:])}
}

func goldenVectors(t testing.TB) []vector {
	s, b := sellerKey.Seed(), buyerKey.Seed()
	lease := granted()
	renewed := seller.Countersign(buyer.Lease(renewal(lease)))
	network := seller.Found(testGenesis(), testParams)
	return []vector{
		newVector(t, "offer", market.KindOffer, s, seller.Offer(testOffer()).Envelope),
		newVector(t, "lease, the buyer's signature", market.KindLease, b, byBuyer(lease)),
		newVector(t, "lease, the supplier's signature", market.KindLease, s, bySupplier(lease)),
		newVector(t, "renewal, the buyer's signature", market.KindLease, b, byBuyer(renewed)),
		newVector(t, "renewal, the supplier's signature", market.KindLease, s, bySupplier(renewed)),
		newVector(t, "status", market.KindStatus, s, seller.Status(testStatus(lease.ID)).Envelope()),
		newVector(t, "genesis", market.KindGenesis, s, network.GenesisEnvelope),
		newVector(t, "parameters", market.KindParams, s, network.ParamsEnvelope),
		newVector(t, "offer with terms", market.KindOffer, s, seller.Offer(pricedOffer()).Envelope),
		newVector(t, "lease with terms, the buyer's signature", market.KindLease, b, byBuyer(priced())),
		newVector(t, "lease with terms, the supplier's signature", market.KindLease, s, bySupplier(priced())),
		newVector(t, "hold", market.KindHold, s, seller.Hold(testHold()).Envelope),
		newVector(t, "usage note 1, the supplier's signature", market.KindUsage, s, bySupplier(acked(1))),
		newVector(t, "usage note 1, the buyer's signature", market.KindUsage, b, byBuyer(acked(1))),
		newVector(t, "usage note 2, the supplier's signature", market.KindUsage, s, bySupplier(acked(2))),
		newVector(t, "usage note 2, the buyer's signature", market.KindUsage, b, byBuyer(acked(2))),
		newVector(t, "usage note 3, the supplier's signature", market.KindUsage, s, bySupplier(acked(3))),
		newVector(t, "notice", market.KindNotice, s, seller.Notice(testNotice()).Envelope),
		newVector(t, "receipt, the supplier's signature", market.KindReceipt, s, bySupplier(received())),
		newVector(t, "receipt, the buyer's signature", market.KindReceipt, b, byBuyer(received())),
		newVector(t, "settlement, the debtor's signature", market.KindSettlement, b, agreed().Proposal),
		newVector(t, "settlement, the creditor's signature", market.KindSettlement, s, agreed().Answer),
	}
}

// The bytes that are signed never change: what was signed under an earlier
// version verifies under every later one.
func TestGoldenVectors(t *testing.T) {
	compareGolden(t, "objects.json", goldenVectors(t))
}

// wire is one encoded message or spec.
type wire struct {
	Name  string `json:"name"`
	Bytes string `json:"bytes"`
}

// Nor do the messages that carry them.
func TestGoldenMessages(t *testing.T) {
	spec := market.EncodeSpec(testSpec())
	got := []wire{{"Spec", hex.EncodeToString(spec)}}
	for _, m := range everyMessage() {
		got = append(got, wire{messageName(m), hex.EncodeToString(encode(t, m))})
	}
	for _, m := range laterMessages() {
		got = append(got, wire{m.name, hex.EncodeToString(encode(t, m.Message))})
	}
	compareGolden(t, "messages.json", got)
}

// amount is what a usage of resources costs at a price, in plain numbers.
type amount struct {
	Name      string `json:"name"`
	Core      int64  `json:"core"`
	Memory    int64  `json:"memory"`
	Disk      int64  `json:"disk"`
	Parked    int64  `json:"parked"`
	Start     int64  `json:"start"`
	MilliCPU  int64  `json:"milli_cpu"`
	MemorySum int64  `json:"memory_bytes"`
	DiskSum   int64  `json:"disk_bytes"`
	Running   uint64 `json:"running_seconds"`
	Stopped   uint64 `json:"parked_seconds"`
	Amount    int64  `json:"amount"`
}

func newAmount(name string, p market.Price, r market.Resources, u market.Usage) amount {
	return amount{
		name, int64(p.Core), int64(p.Memory), int64(p.Disk), int64(p.Parked), int64(p.Start),
		int64(r.CPU), int64(r.Memory), int64(r.Disk), u.Running, u.Parked, int64(p.Amount(r, u)),
	}
}

// And one and the same usage always costs the same.
func TestGoldenAmounts(t *testing.T) {
	p, r := testPrice(), testLease().Resources
	most := market.Price{Core: market.MaxMicro, Memory: market.MaxMicro, Disk: market.MaxMicro, Parked: market.MaxMicro, Start: market.MaxMicro}
	one := market.Resources{CPU: 1000, Memory: market.GiB, Disk: market.GiB}
	largest := market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes, Disk: market.MaxBytes}
	compareGolden(t, "amounts.json", []amount{
		newAmount("nothing ran", p, r, market.Usage{}),
		newAmount("the document's example", p, r, testUsage(2).Usage),
		newAmount("an hour", p, r, market.Usage{Running: 3600}),
		newAmount("an hour parked", p, r, market.Usage{Parked: 3600}),
		newAmount("rounded down", market.Price{Core: 1}, one, market.Usage{Running: 3599}),
		newAmount("not rounded down", market.Price{Core: 1}, one, market.Usage{Running: 3600}),
		newAmount("parts are summed before they are rounded", market.Price{Core: 1, Memory: 1, Disk: 1}, one, market.Usage{Running: 1200}),
		newAmount("one byte for a year", market.Price{Memory: market.MaxMicro}, market.Resources{Memory: 1}, market.Usage{Running: 366 * 86_400}),
		newAmount("the highest rates for a second", most, one, market.Usage{Running: 1}),
		newAmount("more than 64 bits on the way", market.Price{Disk: 1000}, market.Resources{Disk: market.MaxBytes}, market.Usage{Running: maxSeconds}),
		newAmount("the most that there is", most, largest, market.Usage{Running: maxSeconds}),
	})
}

// Nor what was saved: a node reads the records of all earlier versions.
func TestGoldenRecords(t *testing.T) {
	var got []wire
	for _, r := range everyRecord() {
		got = append(got, wire{recordName(r), hex.EncodeToString(market.EncodeRecord(r))})
	}
	compareGolden(t, "records.json", got)
	for i, w := range readGolden[wire](t, "records.json") {
		want := everyRecord()[i]
		table, _ := want.Key()
		if r, err := market.DecodeRecord(table, unhex(t, w.Bytes)); err != nil || !reflect.DeepEqual(r, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", w.Name, r, err, want)
		}
	}
}

func recordName(r market.Record) string {
	table, _ := r.Key()
	return fmt.Sprintf("%s, table %d", strings.TrimPrefix(fmt.Sprintf("%T", r), "*market."), table)
}

// What was written down reads as what was meant, whatever the encoder does
// today.
func TestGoldenFilesRead(t *testing.T) {
	objects := map[string][]byte{}
	for _, v := range readGolden[vector](t, "objects.json") {
		objects[v.Name] = unhex(t, v.Envelope)
	}
	o, err := market.OpenOffer(objects["offer"])
	if err != nil || !reflect.DeepEqual(o.Offer, testOffer()) {
		t.Errorf("offer: %+v, %v", o, err)
	}
	l, err := market.OpenLease(objects["lease, the buyer's signature"], objects["lease, the supplier's signature"])
	if err != nil || !reflect.DeepEqual(l.Lease, testLease()) {
		t.Errorf("lease: %+v, %v", l, err)
	}
	r, err := market.OpenLease(objects["renewal, the buyer's signature"], objects["renewal, the supplier's signature"])
	if err != nil || r.Prev != l.ID || r.Unit() != l.ID {
		t.Errorf("renewal: %+v, %v", r, err)
	}
	s, err := market.OpenStatus(objects["status"])
	if err != nil || !reflect.DeepEqual(s.Status, testStatus(l.ID)) || s.By != l.Supplier {
		t.Errorf("status: %+v, %v", s, err)
	}
	n, err := market.OpenNetwork(objects["genesis"], objects["parameters"])
	if err != nil || n.Genesis != testGenesis() || !reflect.DeepEqual(n.Params, testParams(n.ID())) {
		t.Errorf("network: %+v, %v", n, err)
	}
	readsPriced(t, objects)
	want := append(everyMessage(), laterForms()...)
	for i, m := range readGolden[wire](t, "messages.json")[1:] { // the first is a Spec
		if got, err := market.DecodeMessage(unhex(t, m.Bytes)); err != nil || !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s: %+v, %v", m.Name, got, err)
		}
	}
}

// readsPriced reads the objects of a market with prices; those of before have
// no terms.
func readsPriced(t *testing.T, objects map[string][]byte) {
	t.Helper()
	check := func(name string, got, want any, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
	both := func(name, first, second string) (a, b []byte) {
		return objects[name+", the "+first+"'s signature"], objects[name+", the "+second+"'s signature"]
	}
	old, err := market.OpenLease(both("lease", "buyer", "supplier"))
	check("a lease of before", old.Terms, (*market.Terms)(nil), err)
	free, err := market.OpenOffer(objects["offer"])
	check("an offer of before", free.Terms, (*market.Terms)(nil), err)
	offer, err := market.OpenOffer(objects["offer with terms"])
	check("offer", offer.Offer, pricedOffer(), err)
	lease, err := market.OpenLease(both("lease with terms", "buyer", "supplier"))
	check("lease", lease, priced(), err)
	hold, err := market.OpenHold(objects["hold"])
	check("hold", hold, seller.Hold(testHold()), err)
	note, err := market.OpenUsage(both("usage note 2", "supplier", "buyer"))
	check("note", note, acked(2), err)
	notice, err := market.OpenNotice(objects["notice"])
	check("notice", notice, seller.Notice(testNotice()), err)
	receipt, err := market.OpenReceipt(both("receipt", "supplier", "buyer"))
	check("receipt", receipt, received(), err)
	settlement, err := market.OpenSettlement(both("settlement", "debtor", "creditor"))
	check("settlement", settlement, agreed(), err)
}

func compareGolden[T comparable](t *testing.T, file string, got []T) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := readGolden[T](t, file)
	if len(got) != len(want) {
		t.Fatalf("%d entries, %s has %d", len(got), path, len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("entry %d of %s differs; -update rewrites it, but nodes in the field will not follow\n got %+v\nwant %+v", i, path, got[i], want[i])
		}
	}
}

func readGolden[T any](t *testing.T, file string) (list []T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return list
}
