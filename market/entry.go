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
	default:
		err = fmt.Errorf("%w: entry of kind %d", ErrMalformed, e.Kind)
	}
	return o, err
}
