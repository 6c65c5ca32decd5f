package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"caravela/market"
)

// ErrBundle is wrapped by every error of VerifyBundle.
var ErrBundle = errors.New("ledger: bundle does not hold")

var errShape = errors.New("is not a kind and one or two envelopes in base64")

// Proof is what a bundle proves. Whoever reads it decides whether the two
// peers are those that they know.
type Proof struct {
	Network     market.NetworkID
	Unit        market.LeaseID
	Buyer       market.PeerID
	Supplier    market.PeerID
	Leases      []ProvenLease // oldest first
	Statuses    []*market.SignedStatus
	Notices     []*market.SignedNotice
	Settlements []*market.SignedSettlement // that name receipts of these leases
}

// ProvenLease is one lease of a bundle, and what is due for it.
type ProvenLease struct {
	Lease   *market.SignedLease
	Notes   int                   // in the bundle
	Newest  *market.SignedUsage   // of all, acknowledged or not; nil without notes
	Acked   *market.SignedUsage   // the newest that both have signed
	Receipt *market.SignedReceipt // nil as long as the lease is not over
}

// Due is what both have signed to be due.
func (p *ProvenLease) Due() market.Micro {
	if p.Acked == nil {
		return 0
	}
	return p.Acked.Amount
}

// VerifyBundle verifies a file that Bundle.Bytes wrote: that no byte of it was
// changed, every signature, and all that an Audit checks of a lease. It needs
// nothing but the file.
func VerifyBundle(file []byte) (*Proof, error) {
	b, book, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	first := b.leases[0]
	p := &Proof{
		Network: first.Network, Unit: b.unit, Buyer: first.Buyer, Supplier: first.Supplier,
		Statuses: b.statuses, Notices: b.notices, Settlements: b.settlements,
	}
	count := make(map[market.LeaseID]int, len(b.leases))
	for _, n := range b.notes {
		count[n.Lease]++
	}
	for _, l := range b.leases {
		bill := book.leases[l.ID]
		p.Leases = append(p.Leases, ProvenLease{Lease: l, Notes: count[l.ID], Newest: bill.last, Acked: bill.acked, Receipt: bill.receipt})
	}
	return p, nil
}

// parse reads a bundle, and enters it into a book line by line.
func parse(file []byte) (*Bundle, *book, error) {
	lines, err := body(file)
	if err != nil {
		return nil, nil, err
	}
	var b *Bundle
	var k book
	for i, text := range lines {
		o, both, err := object(text)
		if err == nil && b == nil {
			if o.Lease == nil {
				return nil, nil, errors.New("it begins without a lease")
			}
			b, k = NewBundle(o.Lease.Unit()), newBook(o.Lease.Supplier, o.Lease.Buyer)
		}
		if err == nil {
			err = b.read(&k, o, both)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("line %d %w", i+3, err)
		}
	}
	if b == nil {
		return nil, nil, errors.New("it is empty")
	}
	if !bytes.Equal(b.Bytes(), file) {
		return nil, nil, errors.New("its lines stand twice, in another order, or for another lease")
	}
	return b, &k, nil
}

// body checks the frame, and returns the lines between title and digest.
func body(file []byte) ([]string, error) {
	if len(file) > MaxBundle {
		return nil, fmt.Errorf("it has %d bytes; at most %d", len(file), MaxBundle)
	}
	head := bundleTitle + "\n" + bundleHint + "\n"
	tail := len(file) - len(bundleDigest) - 2*sha256.Size - 1
	switch {
	case !bytes.HasPrefix(file, []byte("caravela-lease-bundle ")):
		return nil, errors.New("it is not a file of caravela lease export")
	case !bytes.HasPrefix(file, []byte(head)):
		return nil, errors.New("it is of another version, or its first lines were changed")
	case tail < len(head):
		return nil, errors.New("it is cut off")
	}
	digest := sha256.Sum256(file[:tail])
	if string(file[tail:]) != bundleDigest+hex.EncodeToString(digest[:])+"\n" {
		return nil, errors.New("it was changed or cut off: its digest is another")
	}
	if tail == len(head) {
		return nil, nil
	}
	if file[tail-1] != '\n' {
		return nil, errors.New("its last line does not end")
	}
	return strings.Split(string(file[len(head):tail-1]), "\n"), nil
}

// object verifies the signatures of one line.
func object(text string) (o market.Opened, both bool, err error) {
	kind, first, second, err := envelopes(text)
	if err != nil {
		return o, false, err
	}
	e := market.Entry{First: first, Second: second}
	switch kind {
	case lineLease:
		e.Kind = market.EntryLease
	case lineUsage:
		e.Kind = market.EntryUsage
	case lineNotice:
		e.Kind = market.EntryNotice
	case lineStatus:
		e.Kind = market.EntryEnd
	case lineReceipt:
		e.Kind = market.EntryReceipt
	case lineSettlement:
		e.Kind = market.EntrySettlement
	default:
		return o, false, fmt.Errorf("is of kind %q", kind[:min(len(kind), 16)])
	}
	o, err = market.OpenEntry(&e)
	return o, second != nil, err
}

// read enters one line's object into the book and the bundle.
func (b *Bundle) read(k *book, o market.Opened, both bool) error {
	if o.End != nil { // any status, of which a log has the last only
		if err := k.onStatus(o.End, b.statuses); err != nil {
			return err
		}
	} else if _, err := k.enter(o, both); err != nil {
		return err
	}
	b.Take(o)
	return nil
}

// onStatus checks one link of the chain of a unit's statuses.
func (b *book) onStatus(s *market.SignedStatus, before []*market.SignedStatus) error {
	supplier, known := b.units[s.Lease]
	switch {
	case !known:
		return errStranger
	case s.By != supplier:
		return fmt.Errorf("is a status by %s, not by the supplier", s.By.Short())
	case len(before) == 0:
		return nil
	}
	last := before[len(before)-1]
	switch {
	case s.Seq <= last.Seq:
		return fmt.Errorf("is status %d after status %d", s.Seq, last.Seq)
	case s.Seq == last.Seq+1 && s.Prev != last.Hash:
		return fmt.Errorf("is status %d, which does not follow status %d", s.Seq, last.Seq)
	}
	return nil
}
