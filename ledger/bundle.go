package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	"caravela/market"
)

// Bundle is what proves one container's leases, and what is due for them, to a
// third person: everything that either peer has signed about them, but the
// spec, which may hold secrets; each lease has its hash.
//
// As a file it is lines of text: a title, one line for each signed object with
// its kind and its one or two envelopes in base64, and the SHA-256 of all that.
// There is one way only to write a bundle, so that whatever is changed in a
// file is seen. What was left out is not: a receipt that both have signed
// proves the whole of a lease, notes without one prove what was due so far.
type Bundle struct {
	unit        market.LeaseID
	known       map[market.LeaseID]bool // of leases
	leases      []*market.SignedLease
	notes       []*market.SignedUsage
	notices     []*market.SignedNotice
	statuses    []*market.SignedStatus
	receipts    []*market.SignedReceipt
	settlements []*market.SignedSettlement
}

// Bounds of a bundle.
const (
	MaxBundle = 64 << 20 // bytes of a file
	MaxNotes  = 20_000   // the newest; older ones say nothing that these do not
	maxOthers = 5_000    // leases, and of each other kind
)

const (
	bundleTitle  = "caravela-lease-bundle 1"
	bundleHint   = "# to verify it without a network: caravela lease verify FILE"
	bundleDigest = "sha256 "
)

// The kinds of lines, in the order in which they stand.
const (
	lineLease      = "lease"
	lineUsage      = "usage"
	lineNotice     = "notice"
	lineStatus     = "status"
	lineReceipt    = "receipt"
	lineSettlement = "settlement"
)

// NewBundle returns a bundle for a unit, which has nothing in it yet.
func NewBundle(unit market.LeaseID) *Bundle {
	return &Bundle{unit: unit, known: map[market.LeaseID]bool{}}
}

// Take adds what an entry holds if it is about the unit. Entries come in the
// order of the log.
func (b *Bundle) Take(o market.Opened) {
	switch {
	case o.Lease != nil:
		b.AddLease(o.Lease)
	case o.Usage != nil:
		b.addNote(o.Usage)
	case o.Notice != nil && o.Notice.Unit == b.unit:
		b.notices = newest(append(b.notices, o.Notice))
	case o.Receipt != nil && b.known[o.Receipt.Lease]:
		b.receipts = slices.DeleteFunc(b.receipts, func(r *market.SignedReceipt) bool { return r.Lease == o.Receipt.Lease })
		b.receipts = append(b.receipts, o.Receipt)
	case o.Settlement != nil && slices.ContainsFunc(o.Settlement.Receipts, func(l market.LeaseID) bool { return b.known[l] }):
		b.settlements = newest(append(b.settlements, o.Settlement))
	case o.End != nil:
		b.AddStatus(o.End)
	}
}

// AddLease adds a lease if it is the unit's: a free one is in no log.
func (b *Bundle) AddLease(l *market.SignedLease) {
	if l.Unit() == b.unit && l.BySupplier != "" && !b.known[l.ID] && len(b.leases) < maxOthers {
		b.known[l.ID] = true
		b.leases = append(b.leases, l)
	}
}

// AddStatus adds a status if it is the unit's.
func (b *Bundle) AddStatus(s *market.SignedStatus) {
	if s.Lease == b.unit && !slices.ContainsFunc(b.statuses, func(t *market.SignedStatus) bool { return t.Seq == s.Seq }) {
		b.statuses = newest(append(b.statuses, s))
	}
}

// newest bounds a list.
func newest[T any](list []T) []T { return list[max(0, len(list)-maxOthers):] }

// addNote adds a note, in the place of the same one without its second
// signature.
func (b *Bundle) addNote(n *market.SignedUsage) {
	if !b.known[n.Lease] {
		return
	}
	if i := len(b.notes) - 1; i >= 0 && b.notes[i].Hash == n.Hash {
		b.notes[i] = n
		return
	}
	if b.notes = append(b.notes, n); len(b.notes) > 2*MaxNotes {
		b.notes = slices.Delete(b.notes, 0, len(b.notes)-MaxNotes)
	}
}

// Empty reports whether there is no lease in it.
func (b *Bundle) Empty() bool { return len(b.leases) == 0 }

// sort brings the parts into the one order in which they are written.
func (b *Bundle) sort() {
	slices.SortStableFunc(b.leases, func(l, m *market.SignedLease) int {
		return cmp.Or(cmp.Compare(l.Start, m.Start), l.ID.Compare(m.ID))
	})
	place := make(map[market.LeaseID]int, len(b.leases))
	for i, l := range b.leases {
		place[l.ID] = i
	}
	b.notes = b.notes[max(0, len(b.notes)-MaxNotes):]
	slices.SortStableFunc(b.notes, func(m, n *market.SignedUsage) int {
		return cmp.Or(cmp.Compare(place[m.Lease], place[n.Lease]), cmp.Compare(m.Seq, n.Seq), bytes.Compare(m.Hash[:], n.Hash[:]))
	})
	slices.SortStableFunc(b.notices, func(m, n *market.SignedNotice) int {
		return cmp.Or(cmp.Compare(m.Seq, n.Seq), bytes.Compare(m.Envelope, n.Envelope))
	})
	slices.SortStableFunc(b.statuses, func(s, t *market.SignedStatus) int { return cmp.Compare(s.Seq, t.Seq) })
	slices.SortStableFunc(b.receipts, func(r, s *market.SignedReceipt) int {
		return cmp.Compare(place[r.Lease], place[s.Lease])
	})
	slices.SortStableFunc(b.settlements, func(s, t *market.SignedSettlement) int {
		return cmp.Or(cmp.Compare(s.At, t.At), bytes.Compare(s.ID[:], t.ID[:]))
	})
}

// Bytes writes the bundle.
func (b *Bundle) Bytes() []byte {
	b.sort()
	var w bytes.Buffer
	w.WriteString(bundleTitle + "\n" + bundleHint + "\n")
	for _, l := range b.leases {
		line(&w, lineLease, l.Entry())
	}
	for _, n := range b.notes {
		line(&w, lineUsage, n.Entry())
	}
	for _, n := range b.notices {
		line(&w, lineNotice, n.Entry())
	}
	for _, s := range b.statuses {
		line(&w, lineStatus, s.Entry())
	}
	for _, r := range b.receipts {
		line(&w, lineReceipt, r.Entry())
	}
	for _, s := range b.settlements {
		line(&w, lineSettlement, s.Entry())
	}
	digest := sha256.Sum256(w.Bytes())
	w.WriteString(bundleDigest + hex.EncodeToString(digest[:]) + "\n")
	return w.Bytes()
}

func line(w *bytes.Buffer, kind string, e market.Entry) {
	w.WriteString(kind + " " + base64.StdEncoding.EncodeToString(e.First))
	if len(e.Second) > 0 {
		w.WriteString(" " + base64.StdEncoding.EncodeToString(e.Second))
	}
	w.WriteByte('\n')
}

// envelopes reads what line wrote.
func envelopes(text string) (kind string, first, second []byte, err error) {
	parts := strings.Split(text, " ")
	if len(parts) != 2 && len(parts) != 3 {
		return "", nil, nil, errShape
	}
	strict := base64.StdEncoding.Strict()
	if first, err = strict.DecodeString(parts[1]); err != nil || len(first) == 0 {
		return "", nil, nil, errShape
	}
	if len(parts) == 3 {
		if second, err = strict.DecodeString(parts[2]); err != nil || len(second) == 0 {
			return "", nil, nil, errShape
		}
	}
	return parts[0], first, second, nil
}
