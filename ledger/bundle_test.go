package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"caravela/ledger"
	"caravela/market"
)

var update = flag.Bool("update", false, "rewrite testdata from what the code does now")

// exported is the bundle of a side's log, with two more statuses.
func exported(t *testing.T, d *deal, s *side) *ledger.Bundle {
	t.Helper()
	b := ledger.NewBundle(d.lease.Unit())
	for _, e := range s.log() {
		o, err := market.ReadEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Take(o)
	}
	one := d.status(1, market.Pulling, nil)
	b.AddStatus(d.status(2, market.Running, one))
	b.AddStatus(one)
	return b
}

const goldenBundle = "testdata/bundle.txt"

// The file is what other implementations, and later versions, must read.
func TestBundleGolden(t *testing.T) {
	d := life(t)
	got := exported(t, d, d.sell).Bytes()
	if *update {
		if err := os.WriteFile(goldenBundle, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenBundle)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the bundle is another; -update, if that is meant")
	}
	p, err := ledger.VerifyBundle(want)
	if err != nil {
		t.Fatal(err)
	}
	if p.Buyer != buyer.Self() || p.Supplier != seller.Self() || p.Network != network || p.Unit != d.lease.Unit() {
		t.Errorf("%+v", p)
	}
	if len(p.Leases) != 2 || len(p.Statuses) != 3 || len(p.Notices) != 1 || len(p.Settlements) != 1 {
		t.Errorf("%d leases, %d statuses, %d notices, %d settlements", len(p.Leases), len(p.Statuses), len(p.Notices), len(p.Settlements))
	}
	for i, notes := range []int{6, 2} {
		l := p.Leases[i]
		if l.Notes != notes || l.Receipt == nil || l.Receipt.ByBuyer == "" || l.Receipt.Amount != l.Due() || l.Due() == 0 || l.Newest != l.Acked {
			t.Errorf("lease %d: %+v", i, l)
		}
	}
}

// Whoever of the two exports it, a bundle proves the same.
func TestBundleOfEitherSide(t *testing.T) {
	d := life(t)
	if sold, bought := exported(t, d, d.sell).Bytes(), exported(t, d, d.buy).Bytes(); !bytes.Equal(sold, bought) {
		t.Error("the two differ")
	}
}

// One changed byte anywhere is found, and so is one that is cut off or added.
func TestBundleEveryByte(t *testing.T) {
	file, err := os.ReadFile(goldenBundle)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(file); at += flipStride {
		for _, flip := range []byte{1, 0x20, 0x80} {
			file[at] ^= flip
			if _, err := ledger.VerifyBundle(file); !errors.Is(err, ledger.ErrBundle) {
				t.Fatalf("byte %d changed by %x: %v", at, flip, err)
			}
			file[at] ^= flip
		}
	}
	for n := 0; n < len(file); n += flipStride {
		if _, err := ledger.VerifyBundle(file[:n]); !errors.Is(err, ledger.ErrBundle) {
			t.Fatalf("cut off at %d: %v", n, err)
		}
	}
	for _, more := range []string{"\n", " ", "x", string(file)} {
		if _, err := ledger.VerifyBundle(append(bytes.Clone(file), more...)); !errors.Is(err, ledger.ErrBundle) {
			t.Errorf("with %q: %v", more[:1], err)
		}
	}
}

// Whoever makes the digest right again still cannot change what was signed,
// nor the way in which it is written.
func TestBundleForged(t *testing.T) {
	file, err := os.ReadFile(goldenBundle)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(file), "\n"), "\n")
	lines = lines[2 : len(lines)-1]
	kind := func(i int) string { k, _, _ := strings.Cut(lines[i], " "); return k }
	first := func(k string) int {
		for i := range lines {
			if kind(i) == k {
				return i
			}
		}
		t.Fatalf("no line of kind %s", k)
		return 0
	}
	d := life(t)
	l := testLease()
	l.Nonce = 77
	other := seller.Countersign(buyer.Lease(l))
	alienNote := buyer.AckUsage(seller.Usage(market.UsageNote{Lease: other.ID, Seq: 1, Usage: market.Usage{Running: 1}, Amount: other.Due(market.Usage{Running: 1})}))
	for name, c := range map[string]struct {
		change func([]string) []string
		why    string
	}{
		"no lines":           {func([]string) []string { return nil }, "empty"},
		"no lease":           {func(l []string) []string { return l[2:] }, "begins without a lease"},
		"a lease less":       {func(l []string) []string { return append(l[:1:1], l[2:]...) }, "not in this log"},
		"a note less by one": {func(l []string) []string { i := first("usage"); return append(l[:i+5:i+5], l[i+6:]...) }, "last acknowledged note is 5"},
		"a note twice":       {func(l []string) []string { i := first("usage"); return append(l[:i+1:i+1], l[i:]...) }, "after note 1"},
		"a lease twice":      {func(l []string) []string { return append(l[:1:1], l...) }, "twice"},
		"a status twice":     {func(l []string) []string { i := first("status"); return append(l[:i+1:i+1], l[i:]...) }, "status 1 after status 1"},
		"statuses swapped":   {func(l []string) []string { i := first("status"); l[i], l[i+1] = l[i+1], l[i]; return l }, "status 1 after status 2"},
		"another order":      {func(l []string) []string { i := first("notice"); return append(append(l[:i:i], l[i+1:]...), l[i]) }, "another order"},
		"an empty line":      {func(l []string) []string { return append(l, "") }, "is not a kind"},
		"an unknown kind":    {func(l []string) []string { return append(l, "money AAAA") }, `kind "money"`},
		"bad base64":         {func(l []string) []string { return append(l, "lease A*A=") }, "is not a kind"},
		"two spaces":         {func(l []string) []string { l[0] = strings.Replace(l[0], " ", "  ", 1); return l }, "is not a kind"},
		"a signature less":   {func(l []string) []string { l[0] = l[0][:strings.LastIndex(l[0], " ")]; return l }, "second signature"},
		"signatures swapped": {func(l []string) []string {
			p := strings.Split(l[0], " ")
			l[0] = p[0] + " " + p[2] + " " + p[1]
			return l
		}, "in the name of"},
		"another kind": {func(l []string) []string {
			i := first("notice")
			l[i] = strings.Replace(l[i], "notice", "status", 1)
			return l
		}, "not an envelope of kind"},
		"a lease of another": {func(l []string) []string {
			return append(l[:2:2], append([]string{line("lease", other.Entry())}, l[2:]...)...)
		}, "another lease"},
		"a note of another": {func(l []string) []string { return append(l, line("usage", alienNote.Entry())) }, "not in this log"},
		"a status by the buyer": {func(l []string) []string {
			return append(l, line("status", buyer.Status(market.Status{Lease: d.lease.Unit(), Seq: 99}).Entry()))
		}, "not by the supplier"},
		"a status of another": {func(l []string) []string {
			return append(l, line("status", seller.Status(market.Status{Lease: other.ID, Seq: 99}).Entry()))
		}, "not in this log"},
		"a status off the chain": {func(l []string) []string {
			i := first("status")
			l[i+1] = line("status", d.status(2, market.Running, nil).Entry())
			return l
		}, "does not follow"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Join(c.change(append([]string(nil), lines...)), "\n")
			_, err := ledger.VerifyBundle(sealed(text))
			if !errors.Is(err, ledger.ErrBundle) || !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want %q", err, c.why)
			}
		})
	}
	if _, err := ledger.VerifyBundle(sealed(strings.Join(lines, "\n"))); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	if _, err := ledger.VerifyBundle(make([]byte, ledger.MaxBundle+1)); !errors.Is(err, ledger.ErrBundle) {
		t.Errorf("a very long file: %v", err)
	}
}

func line(kind string, e market.Entry) string {
	text := kind + " " + base64.StdEncoding.EncodeToString(e.First)
	if e.Second != nil {
		text += " " + base64.StdEncoding.EncodeToString(e.Second)
	}
	return text
}

// sealed is a bundle of lines, with its right digest.
func sealed(text string) []byte {
	head := "caravela-lease-bundle 1\n# to verify it without a network: caravela lease verify FILE\n"
	if text != "" {
		text += "\n"
	}
	digest := sha256.Sum256([]byte(head + text))
	return []byte(head + text + "sha256 " + hex.EncodeToString(digest[:]) + "\n")
}

// What is of other units stays out, and what is not granted, too.
func TestBundleTakesItsOwn(t *testing.T) {
	d := life(t)
	b := ledger.NewBundle(market.LeaseID{1})
	for _, e := range d.sell.log() {
		o, err := market.ReadEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Take(o)
	}
	b.AddLease(buyer.Lease(testLease()))
	if !b.Empty() {
		t.Error("it has a lease")
	}
	if _, err := ledger.VerifyBundle(b.Bytes()); !errors.Is(err, ledger.ErrBundle) {
		t.Errorf("an empty bundle: %v", err)
	}
	free := testLease()
	free.Terms = nil
	l := seller.Countersign(buyer.Lease(free))
	b = ledger.NewBundle(l.ID)
	b.AddLease(l)
	b.AddLease(l)
	p, err := ledger.VerifyBundle(b.Bytes())
	if err != nil || len(p.Leases) != 1 || p.Leases[0].Due() != 0 || p.Leases[0].Receipt != nil {
		t.Errorf("a free lease: %+v, %v", p, err)
	}
}

// A note that was acknowledged later stands once, with both signatures.
func TestBundleLateAck(t *testing.T) {
	d := newDeal(t)
	n := d.next(60, nil)
	b := ledger.NewBundle(d.lease.ID)
	b.AddLease(d.lease)
	b.Take(market.Opened{Usage: n})
	p, err := ledger.VerifyBundle(b.Bytes())
	if err != nil || p.Leases[0].Due() != 0 || p.Leases[0].Newest == nil {
		t.Fatalf("%+v, %v", p, err)
	}
	b.Take(market.Opened{Usage: buyer.AckUsage(n)})
	p, err = ledger.VerifyBundle(b.Bytes())
	if err != nil || p.Leases[0].Notes != 1 || p.Leases[0].Due() != n.Amount {
		t.Errorf("%+v, %v", p, err)
	}
}

// FuzzVerifyBundle: whatever verifies is written in the one way that there is.
func FuzzVerifyBundle(f *testing.F) {
	file, err := os.ReadFile(goldenBundle)
	if err != nil {
		f.Fatal(err)
	}
	lines := strings.SplitAfter(string(file), "\n")
	f.Add(strings.TrimSuffix(strings.Join(lines[2:len(lines)-2], ""), "\n"))
	f.Add(strings.TrimSuffix(lines[2], "\n"))
	f.Add("lease AAAA BBBB")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ledger.VerifyBundle(sealed(text))
		if (p == nil) == (err == nil) || err != nil && !errors.Is(err, ledger.ErrBundle) {
			t.Fatalf("%v, %v", p, err)
		}
		_, _ = ledger.VerifyBundle([]byte(text))
	})
}
