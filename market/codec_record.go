package market

import "fmt"

// EncodeRecord returns r's bytes for the store.
func EncodeRecord(r Record) []byte {
	var e enc
	switch r := r.(type) {
	case *Sold:
		e.sub(1, func(n *enc) { encSignedLease(n, r.Lease) })
		e.raw(2, EncodeSpec(r.Spec))
		if r.Status != nil {
			e.bytes(3, r.Status.Envelope)
		}
		e.uint(4, r.Acked)
		e.bool(5, r.Stopped)
		e.uint(6, uint64(r.Ending))
		e.sub(7, func(n *enc) { encRef(n, &r.Buyer) })
	case *Bought:
		e.sub(1, func(n *enc) { encSignedLease(n, r.Lease) })
		e.raw(2, EncodeSpec(r.Spec))
		if r.Status != nil {
			e.bytes(3, r.Status.Envelope)
		}
		if r.Renewal != nil {
			e.sub(4, func(n *enc) { encSignedLease(n, r.Renewal) })
		}
		e.bool(5, r.Undo)
		e.sub(6, func(n *enc) { encRef(n, &r.Supplier) })
		e.str(7, r.Offer)
	case *Seq:
		e.uint(1, r.Seq)
	default:
		panic(fmt.Sprintf("market: record of unknown type %T", r))
	}
	return e.b
}

// DecodeRecord reads what EncodeRecord wrote, and verifies every signature.
func DecodeRecord(t Table, b []byte) (Record, error) {
	var r Record
	var decode func(*dec)
	switch t {
	case SoldTable:
		s := &Sold{}
		r, decode = s, func(d *dec) { decSold(d, s) }
	case BoughtTable:
		s := &Bought{}
		r, decode = s, func(d *dec) { decBought(d, s) }
	case SeqTable:
		s := &Seq{}
		r, decode = s, func(d *dec) {
			if d.field == 1 {
				s.Seq = d.uint()
			}
		}
	default:
		return nil, fmt.Errorf("%w: record of table %d", ErrMalformed, t)
	}
	if err := fields(b, decode); err != nil {
		return nil, fmt.Errorf("%T: %w", r, err)
	}
	switch r := r.(type) {
	case *Sold:
		if r.Lease == nil || r.Spec == nil || r.Lease.BySupplier == nil {
			return nil, fmt.Errorf("%w: incomplete record of a sold lease", ErrMalformed)
		}
	case *Bought:
		if r.Lease == nil || r.Spec == nil {
			return nil, fmt.Errorf("%w: incomplete record of a bought lease", ErrMalformed)
		}
	}
	return r, nil
}

func decSold(d *dec, r *Sold) {
	switch d.field {
	case 1:
		r.Lease = decSignedLease(d)
	case 2:
		r.Spec = d.spec()
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
