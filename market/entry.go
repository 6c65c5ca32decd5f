package market

import "fmt"

// Opened is what an entry's envelopes hold: the field of its kind is set, all
// others are nil.
type Opened struct {
	Lease      *SignedLease
	Usage      *SignedUsage
	Notice     *SignedNotice
	Receipt    *SignedReceipt
	Settlement *SignedSettlement
	End        *SignedStatus
}

// OpenEntry verifies the envelopes of an entry; who must have signed them, the
// caller compares. It costs one or two verifications and depends on nothing
// but the entry, so that many may be opened at once.
func OpenEntry(e *Entry) (Opened, error) { return openEntry(verify, e) }

// ReadEntry is OpenEntry without verification, of a log that is trusted.
func ReadEntry(e *Entry) (Opened, error) { return openEntry(trusted, e) }

func openEntry(t trust, e *Entry) (o Opened, err error) {
	switch e.Kind {
	case EntryLease:
		o.Lease, err = openLease(t, e.First, e.Second)
	case EntryUsage:
		o.Usage, err = openUsage(t, e.First, e.Second)
	case EntryNotice:
		o.Notice, err = openNotice(t, e.First)
	case EntryReceipt:
		o.Receipt, err = openReceipt(t, e.First, e.Second)
	case EntrySettlement:
		o.Settlement, err = openSettlement(t, e.First, e.Second)
	case EntryEnd:
		o.End, err = openStatus(t, e.First)
	case EntryThinned:
		err = e.thinned().err
	default:
		err = fmt.Errorf("%w: entry of kind %d", ErrMalformed, e.Kind)
	}
	return o, err
}

// Thin returns the entry that stands for all from first to last, neighbours in
// one log, once these are not kept any more; hash is the EntryHash of last, of
// whose fields only the envelopes are not needed. It has the number of the first and
// the hash of the last, so that the log still holds together; that nothing was
// among them that counts is only this peer's own word.
func Thin(first, last *Entry, hash [32]byte) *Entry {
	var e enc
	e.uint(1, last.Index+last.Span()-first.Index)
	e.id(2, hash)
	return &Entry{Peer: first.Peer, Index: first.Index, At: last.At, Kind: EntryThinned, First: e.b, Prev: first.Prev}
}

// Span is how many entries e stands for: one, unless it came from Thin.
func (e *Entry) Span() uint64 {
	if e.Kind != EntryThinned {
		return 1
	}
	return e.thinned().span
}

// maxSpan bounds what one entry stands for, so that indices cannot overflow.
const maxSpan = 1 << 40

type thinned struct {
	span uint64
	hash [32]byte
	err  error
}

// thinned reads what Thin wrote. What cannot be read stands for itself.
func (e *Entry) thinned() (t thinned) {
	t.err = fields(e.First, func(d *dec) {
		switch d.field {
		case 1:
			t.span = d.upTo(maxSpan)
		case 2:
			t.hash = d.id()
		}
	})
	if t.err == nil && t.span == 0 {
		t.err = fmt.Errorf("%w: entry that stands for none", ErrMalformed)
	}
	t.span = max(t.span, 1)
	return t
}

// Entry returns what a log holds of a lease.
func (l *SignedLease) Entry() Entry { return entry(EntryLease, l) }

// Entry returns what a log holds of a note.
func (n *SignedUsage) Entry() Entry { return entry(EntryUsage, n) }

// Entry returns what a log holds of a receipt.
func (r *SignedReceipt) Entry() Entry { return entry(EntryReceipt, r) }

// Entry returns what a log holds of a settlement.
func (s *SignedSettlement) Entry() Entry { return entry(EntrySettlement, s) }

// Entry returns what a log holds of a notice.
func (n *SignedNotice) Entry() Entry { return Entry{Kind: EntryNotice, First: n.Envelope} }

// Entry returns what a log holds of a unit's end.
func (s *SignedStatus) Entry() Entry { return Entry{Kind: EntryEnd, First: s.Envelope()} }

func entry(k EntryKind, s twice) Entry {
	first, second := s.Envelopes()
	return Entry{Kind: k, First: first, Second: second}
}
