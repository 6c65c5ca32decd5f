package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
	"caravela/ledger"
	"caravela/market"
	"caravela/node/identity"
	"caravela/node/store"
)

const goldenBundle = "../../ledger/testdata/bundle.txt"

func TestLeaseVerify(t *testing.T) {
	c := newCLI(t, nil)
	out := c.ok("lease", "verify", goldenBundle)
	for _, want := range []string{": genuine and whole\n", "Buyer ", "Supplier ", " UTC\n", "credit per core-hour", "signed by both\n", "receipt by both: ended by the "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	whole, err := os.ReadFile(goldenBundle)
	if err != nil {
		t.Fatal(err)
	}
	c.stdin = string(whole)
	var proofs []leaseProof
	if err := json.Unmarshal([]byte(c.ok("lease", "verify", "-", "-o", "json")), &proofs); err != nil {
		t.Fatal(err)
	}
	p := proofs[0]
	if len(proofs) != 1 || p.File != "-" || len(p.Leases) != 2 || len(p.Settlements) != 1 || p.Leases[0].Receipt == nil || p.Leases[0].AmountMicro == 0 || p.Leases[0].Notes != 6 {
		t.Errorf("%+v", proofs)
	}
	changed := filepath.Join(t.TempDir(), "changed.txt")
	if err := os.WriteFile(changed, bytes.Replace(whole, []byte("A"), []byte("B"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := c.run("lease", "verify", changed); r.code != 1 || r.out != "" || !strings.Contains(r.err, changed+": bundle does not hold: it was changed") {
		t.Errorf("%+v", r)
	}
	r := c.run("lease", "verify", goldenBundle, changed, "/nowhere")
	if r.code != 1 || !strings.Contains(r.out, "genuine") || strings.Count(r.err, changed) != 1 || !strings.Contains(r.err, "/nowhere") {
		t.Errorf("%+v", r)
	}
}

func keyOf(first byte) (*market.Keyring, ed25519.PrivateKey) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{first}, ed25519.SeedSize))
	return market.NewKeyring(key), key
}

// ledgerIn writes the ledger of a seller with one lease and some notes; the
// last note bills extra.
func ledgerIn(t *testing.T, dir string, extra market.Micro) string {
	t.Helper()
	sell, key := keyOf(1)
	buy, _ := keyOf(2)
	path := filepath.Join(dir, "leases-00.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	books := ledger.New(&market.Party{Self: sell.Self(), Params: &market.Params{Network: market.NetworkID{1}}, Seal: sell})
	now := market.Time{Wall: market.Wall(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).UnixMilli())}
	var out market.Outbox
	lease := sell.Countersign(buy.Lease(market.Lease{
		Network: market.NetworkID{1}, Buyer: buy.Self(), Supplier: sell.Self(), Nonce: 1, Image: "web", Start: now.Wall, End: now.Wall.Add(time.Hour),
		Resources: market.Resources{CPU: 1000, Memory: market.GiB},
		Terms:     &market.Terms{Price: market.Price{Unit: "credit", Core: 3_600_000}, Interval: time.Minute, Bear: 5},
	}))
	books.Append(now, buy.Self(), lease.Entry(), ledger.Change{}, &out)
	note := market.UsageNote{Lease: lease.ID, At: now.Wall}
	for i := range 3 {
		note.Seq, note.Usage.Running, note.Amount = note.Seq+1, note.Usage.Running+60, note.Amount+60_000
		if i == 2 {
			note.Amount += extra
		}
		n := buy.AckUsage(sell.Usage(note))
		note.Prev = n.Hash
		books.Append(now, buy.Self(), n.Entry(), ledger.Change{Unit: "credit", Earned: 60_000}, &out)
	}
	if err := s.Commit(out.Saves); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(identity.KeyPath(dir), identity.FormatKey(key), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The ledger of a node that does not run is verified from its files alone, and
// the first bad entry is named.
func TestLedgerVerifyOffline(t *testing.T) {
	c := newCLI(t, nil)
	c.address = ""
	good := t.TempDir()
	path := ledgerIn(t, good, 0)
	for _, args := range [][]string{{"--data-dir", good}, {path}} {
		r := c.run(append([]string{"ledger", "verify"}, args...)...)
		if r.code != 0 || !strings.HasPrefix(r.out, "ok ") || !strings.Contains(r.out, "4 entries") || r.err != "1 log, 4 entries: every signature and every amount is right\n" {
			t.Errorf("%q: %+v", args, r)
		}
	}
	t.Setenv("CARAVELA_DATA_DIR", good)
	if r := c.run("ledger", "verify"); r.code != 0 || !strings.HasPrefix(r.err, "no node runs; reading "+good) {
		t.Errorf("%+v", r)
	}
	if err := os.Remove(identity.KeyPath(good)); err != nil {
		t.Fatal(err)
	}
	if r := c.run("ledger", "verify", path); r.code != 0 {
		t.Errorf("without the key the log does not say whose it is: %+v", r)
	}
	bad := t.TempDir()
	ledgerIn(t, bad, 1)
	r := c.run("ledger", "verify", "--data-dir", bad, "-o", "json")
	var v api.LedgerVerdict
	if err := json.Unmarshal([]byte(r.out), &v); err != nil || r.code != 1 || v.OK || v.BadIndex != 4 || !strings.Contains(v.Why, "note 3 bills") {
		t.Errorf("%+v %v", r, err)
	}
	if r := c.run("ledger", "verify", "--data-dir", bad); !strings.Contains(r.out, "BAD ") || !strings.Contains(r.out, "entry 4 of 4 note 3 bills 0.180001") || !strings.Contains(r.err, "1 of 1 log does not hold") {
		t.Errorf("%+v", r)
	}
	if r := c.run("ledger", "verify", "--peer", "nobody", path); r.code != 1 || !strings.Contains(r.err, "no log of a peer") {
		t.Errorf("%+v", r)
	}
	empty, err := store.Open(filepath.Join(bad, "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	shut(empty)
	if r := c.run("ledger", "verify", filepath.Join(bad, "empty.db")); r.code != 0 || !strings.Contains(r.err, "nothing to verify") {
		t.Errorf("%+v", r)
	}
	busy, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer shut(busy)
	if r := c.run("ledger", "verify", path); r.code != 1 || !strings.Contains(r.err, "in use") || !strings.Contains(r.err, "try: caravela ledger verify, without a file") {
		t.Errorf("%+v", r)
	}
}

func TestLedgerVerifyAtANode(t *testing.T) {
	c := newCLI(t, apitest.NewFake())
	r := c.run("ledger", "verify")
	if r.code != 0 || r.out != "ok   cedar        3 entries\n" || !strings.Contains(r.err, "1 log, 3 entries") {
		t.Errorf("%+v", r)
	}
	if r := c.run("ledger", "verify", "--peer", "nobody"); r.code != 1 || !strings.Contains(r.err, "node ls") {
		t.Errorf("%+v", r)
	}
	c.address = "unix:///nowhere/api.sock" // a node that is named is not replaced by files
	dir := t.TempDir()
	ledgerIn(t, dir, 0)
	t.Setenv("CARAVELA_DATA_DIR", dir)
	if r := c.run("ledger", "verify"); r.code != 1 || r.out != "" || strings.Contains(r.err, "reading") {
		t.Errorf("%+v", r)
	}
}
