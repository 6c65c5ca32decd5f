package market

import "fmt"

// EncodeRecord returns r's bytes for the store.
func EncodeRecord(r Record) []byte {
	var e enc
	switch r := r.(type) {
	case *Sold:
		e.sub(1, func(n *enc) { encSignedLease(n, r.Lease) })
		e.raw(2, []byte(r.Spec))
		if r.Status != nil {
			e.bytes(3, r.Status.Envelope())
		}
		e.uint(4, r.Acked)
		e.bool(5, r.Stopped)
		e.uint(6, uint64(r.Ending))
		e.sub(7, func(n *enc) { encRef(n, &r.Buyer) })
	case *Bought:
		e.sub(1, func(n *enc) { encSignedLease(n, r.Lease) })
		e.raw(2, EncodeSpec(r.Spec))
		if r.Status != nil {
			e.bytes(3, r.Status.Envelope())
		}
		if r.Renewal != nil {
			e.sub(4, func(n *enc) { encSignedLease(n, r.Renewal) })
		}
		e.bool(5, r.Undo)
		e.sub(6, func(n *enc) { encRef(n, &r.Supplier) })
		e.str(7, r.Offer)
	case *Seq:
		e.uint(1, r.Seq)
	case *Home:
		e.sub(1, func(n *enc) { encRegion(n, &r.Region) })
		each(&e, 2, r.Traders, encRef)
	case *Meter:
		encMeter(&e, r)
	case *Account:
		encAccount(&e, r)
	case *Entry:
		encEntry(&e, r)
	case *Reserved:
		e.bytes(1, r.Hold.Envelope)
	case *Tomb:
		encTomb(&e, r)
	case *Proposed:
		e.pair(1, r.Settlement)
	default:
		panic(fmt.Sprintf("market: record of unknown type %T", r))
	}
	return e.b
}

// DecodeRecord reads what EncodeRecord wrote, and verifies every signature; but
// the envelopes of an Entry are left closed, since a log is long and ledger
// verifies it as a whole.
func DecodeRecord(t Table, b []byte) (Record, error) { return decodeRecord(verify, t, b) }

// DecodeTrusted is DecodeRecord for bytes that this peer wrote itself, and that
// are known not to have changed since: it verifies no signature.
func DecodeTrusted(t Table, b []byte) (Record, error) { return decodeRecord(trusted, t, b) }

func decodeRecord(how trust, t Table, b []byte) (Record, error) {
	r := newRecord(t)
	if r == nil {
		return nil, fmt.Errorf("%w: record of table %d", ErrMalformed, t)
	}
	if err := how.fields(b, func(d *dec) { decRecord(d, r) }); err != nil {
		return nil, fmt.Errorf("%T: %w", r, err)
	}
	if m, ok := r.(*Meter); ok && m.settled() {
		m.Note = m.Acked
	}
	if !complete(r) {
		return nil, fmt.Errorf("%w: incomplete record, %T", ErrMalformed, r)
	}
	return r, nil
}

func newRecord(t Table) Record {
	switch t {
	case SoldTable:
		return &Sold{}
	case BoughtTable:
		return &Bought{}
	case SeqTable:
		return &Seq{}
	case HomeTable:
		return &Home{}
	case SoldMeterTable:
		return &Meter{Sold: true}
	case BoughtMeterTable:
		return &Meter{}
	case AccountTable:
		return &Account{}
	case ReservedTable:
		return &Reserved{}
	case TombTable:
		return &Tomb{}
	case EntryTable:
		return &Entry{}
	case ProposedTable:
		return &Proposed{}
	}
	return nil
}

func decRecord(d *dec, r Record) {
	switch r := r.(type) {
	case *Sold:
		decSold(d, r)
	case *Bought:
		decBought(d, r)
	case *Seq:
		if d.field == 1 {
			r.Seq = d.uint()
		}
	case *Home:
		decHome(d, r)
	case *Meter:
		decMeter(d, r)
	case *Account:
		decAccount(d, r)
	case *Entry:
		decEntry(d, r)
	case *Reserved:
		if d.field == 1 {
			r.Hold = decOnce(d, openHold)
		}
	case *Tomb:
		decTomb(d, r)
	case *Proposed:
		if d.field == 1 {
			r.Settlement = decPairOnce(d, openSettlement)
		}
	}
}

// complete reports whether a record has what those who read it count on.
func complete(r Record) bool {
	switch r := r.(type) {
	case *Sold:
		return r.Lease != nil && r.Spec != "" && r.Lease.BySupplier != ""
	case *Bought:
		return r.Lease != nil && r.Spec != nil
	case *Meter:
		return !r.Unit.IsZero() && !r.Lease.IsZero() && (r.Acked == nil || r.Acked.ByBuyer != "")
	case *Account:
		return !r.Peer.IsZero()
	case *Entry:
		return !r.Peer.IsZero() && r.Index != 0 && r.Kind != 0 && r.First != nil
	case *Reserved:
		return r.Hold != nil
	case *Tomb:
		return !r.Lease.IsZero()
	case *Home:
		return len(r.Traders) > 0
	case *Proposed:
		return r.Settlement != nil
	}
	return true
}

func decHome(d *dec, r *Home) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decRegion(n, &r.Region) })
	case 2:
		add(d, &r.Traders, MaxRefs, decRef)
	}
}

func decSold(d *dec, r *Sold) {
	switch d.field {
	case 1:
		r.Lease = decSignedLease(d)
	case 2:
		if s := d.spec(); s != nil {
			r.Spec = Pack(s)
		}
	case 3:
		r.Status = decSignedStatus(d)
	case 4:
		r.Acked = d.uint()
	case 5:
		r.Stopped = d.bool()
	case 6:
		r.Ending = d.reason()
	case 7:
		d.sub(func(n *dec) { decRef(n, &r.Buyer) })
	}
}

func decBought(d *dec, r *Bought) {
	switch d.field {
	case 1:
		r.Lease = decSignedLease(d)
	case 2:
		r.Spec = d.spec()
	case 3:
		r.Status = decSignedStatus(d)
	case 4:
		r.Renewal = decSignedLease(d)
	case 5:
		r.Undo = d.bool()
	case 6:
		d.sub(func(n *dec) { decRef(n, &r.Supplier) })
	case 7:
		r.Offer = d.str(64)
	}
}
