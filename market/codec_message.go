package market

import "fmt"

// A message on the wire is its type number, as field 1, and its body, as
// field 2. Type numbers are never reused.
var messageTypes = [...]func() (Message, func(*dec)){
	1: func() (Message, func(*dec)) {
		m := &CreateOffer{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Offer = decSignedOffer(d)
			case 2:
				d.sub(func(n *dec) { decRef(n, &m.At) })
			case 3:
				d.sub(func(n *dec) { decRegion(n, &m.Region) })
			case 4:
				d.addID(&m.Replicas, MaxRefs)
			case 5:
				add(d, &m.Above, MaxRefs, decRef)
			}
		}
	},
	2: func() (Message, func(*dec)) {
		m := &UpdateOffer{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Offer = decSignedOffer(d)
			case 2:
				d.sub(func(n *dec) { decRef(n, &m.At) })
			case 3:
				d.sub(func(n *dec) { decRegion(n, &m.Region) })
			case 4:
				d.addID(&m.Replicas, MaxRefs)
			}
		}
	},
	3: func() (Message, func(*dec)) {
		m := &OfferAck{}
		return m, func(d *dec) { decAck(d, &m.Seq, &m.Region, &m.Code, &m.Depth) }
	},
	4: func() (Message, func(*dec)) {
		m := &RefreshOffer{}
		return m, func(d *dec) { decAck(d, &m.Seq, &m.Region, &m.Code, &m.Depth) }
	},
	5: func() (Message, func(*dec)) {
		m := &RefreshAck{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Offer = decSignedOffer(d)
			case 2:
				d.sub(func(n *dec) { decRef(n, &m.At) })
			case 3:
				d.sub(func(n *dec) { decRegion(n, &m.Region) })
			}
		}
	},
	6: func() (Message, func(*dec)) {
		m := &RemoveOffer{}
		return m, func(d *dec) { decAck(d, &m.Seq, &m.Region, nil, nil) }
	},
	7: func() (Message, func(*dec)) {
		m := &GetOffers{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Ref = d.uint()
			case 2:
				d.sub(func(n *dec) { decRegion(n, &m.Region) })
			case 3:
				d.sub(func(n *dec) { decWant(n, &m.Want) })
			case 4:
				m.Max = int(d.upTo(MaxOffers))
			case 5:
				m.Relay = d.bool()
			case 6:
				m.Buy = d.bool()
			}
		}
	},
	8: func() (Message, func(*dec)) {
		m := &Offers{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Ref = d.uint()
			case 2:
				d.sub(func(n *dec) { decRegion(n, &m.Region) })
			case 3:
				add(d, &m.Offers, MaxOffers, decOfferAt)
			case 4:
				d.sub(func(n *dec) { decTally(n, &m.Tally) })
			case 5:
				add(d, &m.Hints, MaxHints, decHint)
			case 6:
				m.Trader = d.bool()
			}
		}
	},
	9: func() (Message, func(*dec)) {
		m := &AdvertiseOffersNeighbor{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				d.sub(func(n *dec) { decSummary(n, &m.Summary) })
			case 2:
				d.sub(func(n *dec) { decRef(n, &m.At) })
			case 3:
				m.Said = d.wall()
			}
		}
	},
	10: func() (Message, func(*dec)) {
		m := &LaunchContainer{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Lease = decSignedLease(d)
			case 2:
				m.Spec = d.spec()
			case 3:
				m.Auth = d.str(MaxAuth)
			case 4:
				d.sub(func(n *dec) { decRef(n, &m.At) })
			}
		}
	},
	11: func() (Message, func(*dec)) {
		m := &Grant{}
		return m, func(d *dec) {
			if d.field == 1 {
				m.Lease = decSignedLease(d)
			}
		}
	},
	12: func() (Message, func(*dec)) {
		m := &Refusal{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Lease = d.id()
			case 2:
				m.Reason = d.reason()
			case 3:
				m.Detail = d.str(MaxDetail)
			case 4:
				d.sub(func(n *dec) { decResources(n, &m.Free) })
			case 5:
				m.Ref = d.uint()
			case 6:
				m.Offer = decSignedOffer(d)
			}
		}
	},
	13: func() (Message, func(*dec)) {
		m := &StopContainer{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Unit = d.id()
			case 2:
				m.Op = Op(d.upTo(uint64(maxOp) - 1))
			case 3:
				m.Signal = d.str(MaxSignal)
			case 4:
				m.Grace = d.millis()
			case 5:
				m.Ref = d.uint()
			}
		}
	},
	14: func() (Message, func(*dec)) {
		m := &StopAck{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Unit = d.id()
			case 2:
				m.Ref = d.uint()
			case 3:
				m.Reason = d.reason()
			case 4:
				m.Detail = d.str(MaxDetail)
			}
		}
	},
	15: func() (Message, func(*dec)) {
		m := &StatusUpdate{}
		return m, func(d *dec) {
			if d.field == 1 {
				m.Status = decSignedStatus(d)
			}
		}
	},
	16: func() (Message, func(*dec)) {
		m := &StatusAck{}
		return m, func(d *dec) {
			switch d.field {
			case 1:
				m.Unit = d.id()
			case 2:
				m.Seq = d.uint()
			}
		}
	},
	17: func() (Message, func(*dec)) { return &Goodbye{}, func(*dec) {} },
	18: reads(decRequestHold),
	19: reads(decGrantHold),
	20: reads(decReleaseHold),
	21: reads(decReportUsage),
	22: reads(decAckUsage),
	23: reads(decGiveNotice),
	24: reads(decAckNotice),
	25: reads(decIssueReceipt),
	26: reads(decSignReceipt),
	27: reads(decProposeSettlement),
	28: reads(decAnswerSettlement),
}

// EncodeMessage returns m's bytes, at most MaxMessage of them.
func EncodeMessage(m Message) ([]byte, error) {
	var e enc
	number := 0
	switch m := m.(type) {
	case *CreateOffer:
		number = 1
		e.bytes(1, m.Offer.Envelope)
		e.sub(2, func(n *enc) { encRef(n, &m.At) })
		e.sub(3, func(n *enc) { encRegion(n, &m.Region) })
		encIDs(&e, 4, m.Replicas)
		each(&e, 5, m.Above, encRef)
	case *UpdateOffer:
		number = 2
		e.bytes(1, m.Offer.Envelope)
		e.sub(2, func(n *enc) { encRef(n, &m.At) })
		e.sub(3, func(n *enc) { encRegion(n, &m.Region) })
		encIDs(&e, 4, m.Replicas)
	case *OfferAck:
		number = 3
		encAck(&e, m.Seq, &m.Region, m.Code, m.Depth)
	case *RefreshOffer:
		number = 4
		encAck(&e, m.Seq, &m.Region, m.Code, m.Depth)
	case *RefreshAck:
		number = 5
		if m.Offer != nil {
			e.bytes(1, m.Offer.Envelope)
		}
		e.sub(2, func(n *enc) { encRef(n, &m.At) })
		e.sub(3, func(n *enc) { encRegion(n, &m.Region) })
	case *RemoveOffer:
		number = 6
		encAck(&e, m.Seq, &m.Region, 0, 0)
	case *GetOffers:
		number = 7
		e.uint(1, m.Ref)
		e.sub(2, func(n *enc) { encRegion(n, &m.Region) })
		e.sub(3, func(n *enc) { encWant(n, &m.Want) })
		e.uint(4, uint64(m.Max))
		e.bool(5, m.Relay)
		e.bool(6, m.Buy)
	case *Offers:
		number = 8
		e.uint(1, m.Ref)
		e.sub(2, func(n *enc) { encRegion(n, &m.Region) })
		each(&e, 3, m.Offers, func(n *enc, o *OfferAt) { n.bytes(1, o.Offer.Envelope); n.strs(2, o.Addrs) })
		e.sub(4, func(n *enc) { encTally(n, &m.Tally) })
		each(&e, 5, m.Hints, func(n *enc, h *Hint) {
			n.sub(1, func(n *enc) { encSummary(n, &h.Summary) })
			each(n, 2, h.Traders, encRef)
		})
		e.bool(6, m.Trader)
	case *AdvertiseOffersNeighbor:
		number = 9
		e.sub(1, func(n *enc) { encSummary(n, &m.Summary) })
		e.sub(2, func(n *enc) { encRef(n, &m.At) })
		e.wall(3, m.Said)
	case *LaunchContainer:
		number = 10
		e.sub(1, func(n *enc) { encSignedLease(n, m.Lease) })
		if m.Spec != nil {
			e.raw(2, EncodeSpec(m.Spec))
		}
		e.str(3, m.Auth)
		e.sub(4, func(n *enc) { encRef(n, &m.At) })
	case *Grant:
		number = 11
		e.sub(1, func(n *enc) { encSignedLease(n, m.Lease) })
	case *Refusal:
		number = 12
		e.id(1, m.Lease)
		e.uint(2, uint64(m.Reason))
		e.str(3, m.Detail)
		e.sub(4, func(n *enc) { encResources(n, &m.Free) })
		e.uint(5, m.Ref)
		if m.Offer != nil {
			e.bytes(6, m.Offer.Envelope)
		}
	case *StopContainer:
		number = 13
		e.id(1, m.Unit)
		e.uint(2, uint64(m.Op))
		e.str(3, m.Signal)
		e.millis(4, m.Grace)
		e.uint(5, m.Ref)
	case *StopAck:
		number = 14
		e.id(1, m.Unit)
		e.uint(2, m.Ref)
		e.uint(3, uint64(m.Reason))
		e.str(4, m.Detail)
	case *StatusUpdate:
		number = 15
		e.bytes(1, m.Status.Envelope())
	case *StatusAck:
		number = 16
		e.id(1, m.Unit)
		e.uint(2, m.Seq)
	case *Goodbye:
		number = 17
	default:
		if number = encDeal(&e, m); number == 0 {
			panic(fmt.Sprintf("market: message of unknown type %T", m))
		}
	}
	var out enc
	out.uint(1, uint64(number))
	out.raw(2, e.b)
	if len(out.b) > MaxMessage {
		return nil, fmt.Errorf("market: %T of %d bytes is over the limit of %d", m, len(out.b), MaxMessage)
	}
	return out.b, nil
}

// DecodeMessage reads what EncodeMessage wrote. It verifies bounds and every
// signature inside, so that a Message in memory is always genuine.
func DecodeMessage(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("%w: message of %d bytes", ErrMalformed, len(b))
	}
	var number uint64
	var body []byte
	err := fields(b, func(d *dec) {
		switch d.field {
		case 1:
			number = d.uint()
		case 2:
			body = d.view(MaxMessage)
		}
	})
	if err != nil {
		return nil, err
	}
	if number == 0 || number >= uint64(len(messageTypes)) {
		return nil, fmt.Errorf("%w: message type %d; the peer may run a newer version", ErrMalformed, number)
	}
	m, decode := messageTypes[number]()
	if err := fields(body, decode); err != nil {
		return nil, fmt.Errorf("%T: %w", m, err)
	}
	if err := validateMessage(m); err != nil {
		return nil, fmt.Errorf("%T: %w", m, err)
	}
	return m, nil
}

func validateMessage(m Message) error {
	region := func(r Region) error {
		if !r.Valid() {
			return fmt.Errorf("%w: region", ErrMalformed)
		}
		return nil
	}
	switch m := m.(type) {
	case *CreateOffer:
		if m.Offer == nil {
			return required(false)
		}
		return region(m.Region)
	case *UpdateOffer:
		if m.Offer == nil {
			return required(false)
		}
		return region(m.Region)
	case *OfferAck:
		return region(m.Region)
	case *RefreshOffer:
		return region(m.Region)
	case *RefreshAck:
		return region(m.Region)
	case *RemoveOffer:
		return region(m.Region)
	case *GetOffers:
		if !m.Want.Platform.Valid() || !validUnit(m.Want.Unit) {
			return fmt.Errorf("%w: wanted platform or unit", ErrMalformed)
		}
		return region(m.Region)
	case *Offers:
		for _, o := range m.Offers {
			if o.Offer == nil {
				return required(false)
			}
		}
		for _, h := range m.Hints {
			if err := region(h.Summary.Region); err != nil {
				return err
			}
		}
		return region(m.Region)
	case *AdvertiseOffersNeighbor:
		return region(m.Summary.Region)
	case *LaunchContainer:
		if m.Lease == nil || (m.Spec == nil) != !m.Lease.Prev.IsZero() {
			return required(false)
		}
		if m.Spec != nil && HashSpec(m.Spec) != m.Lease.SpecHash {
			return fmt.Errorf("%w: the container is not the lease's", ErrMalformed)
		}
	case *Grant:
		return required(m.Lease != nil && m.Lease.BySupplier != "")
	case *StatusUpdate:
		return required(m.Status != nil)
	default:
		return validateDeal(m)
	}
	return nil
}

// A newer peer's word is read as the nearest one that is known here: its
// message must not be lost for it, and its detail says more.

func (d *dec) reason() Reason   { return oneOf(d, maxReason, Unsupported) }
func (d *dec) state() State     { return oneOf(d, maxState, Unknown) }
func (d *dec) miss() MissKind   { return oneOf(d, maxMiss, MissRefused) }
func (d *dec) ackCode() AckCode { return oneOf(d, maxAck, AckRefused) }

func oneOf[T ~uint8](d *dec, end, otherwise T) T {
	if v := T(d.upTo(255)); v < end {
		return v
	}
	return otherwise
}

// quantity is of any resource, so the largest of their bounds holds.
func (d *dec) quantity() int64 {
	v := d.int()
	if v < 0 || v > int64(MaxBytes) {
		d.fail("number out of range")
		return 0
	}
	return v
}

func (d *dec) spec() *Spec {
	d.once()
	s, err := DecodeSpec(d.view(MaxSpecBytes))
	if err != nil && d.err == nil {
		d.err = err
	}
	return s
}

func decSignedOffer(d *dec) *SignedOffer { return decOnce(d, openOffer) }

func encSignedLease(e *enc, l *SignedLease) {
	byBuyer, bySupplier := l.Envelopes()
	e.bytes(1, byBuyer)
	e.bytes(2, bySupplier)
}

func decSignedLease(d *dec) *SignedLease { return decPairOnce(d, openLease) }

func decSignedStatus(d *dec) *SignedStatus { return decOnce(d, openStatus) }

func encAck(e *enc, seq uint64, r *Region, c AckCode, depth uint8) {
	e.uint(1, seq)
	e.sub(2, func(n *enc) { encRegion(n, r) })
	e.uint(3, uint64(c))
	e.uint(4, uint64(depth))
}

func decAck(d *dec, seq *uint64, r *Region, c *AckCode, depth *uint8) {
	switch {
	case d.field == 1:
		*seq = d.uint()
	case d.field == 2:
		d.sub(func(n *dec) { decRegion(n, r) })
	case d.field == 3 && c != nil:
		*c = d.ackCode()
	case d.field == 4 && depth != nil:
		*depth = uint8(d.upTo(MaxDepth))
	}
}

func encRef(e *enc, r *Ref) { e.id(1, r.Peer); e.strs(2, r.Addrs) }

func decRef(d *dec, r *Ref) {
	switch d.field {
	case 1:
		r.Peer = d.id()
	case 2:
		d.addStr(&r.Addrs, MaxAddrs, MaxAddr)
	}
}

func encIDs(e *enc, field int, ids []PeerID) {
	for _, p := range ids {
		e.raw(field, p[:])
	}
}

func encRegion(e *enc, r *Region) {
	e.sub(1, func(n *enc) { encPlatform(n, &r.Platform) })
	e.uint(2, uint64(r.Depth))
	e.uint(3, uint64(r.Shard))
}

func decRegion(d *dec, r *Region) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decPlatform(n, &r.Platform) })
	case 2:
		r.Depth = uint8(d.upTo(MaxDepth))
	case 3:
		r.Shard = uint32(d.upTo(1<<32 - 1))
	}
}

func encSummary(e *enc, s *Summary) {
	e.sub(1, func(n *enc) { encRegion(n, &s.Region) })
	e.uint(2, uint64(s.Offers))
	e.uint(3, uint64(s.Deeper))
	each(e, 4, s.Peaks, func(n *enc, p *Point) {
		n.sub(1, func(n *enc) { encResources(n, &p.Free) })
		n.uint(2, uint64(p.Class))
	})
}

func decSummary(d *dec, s *Summary) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decRegion(n, &s.Region) })
	case 2:
		s.Offers = uint32(d.upTo(1<<32 - 1))
	case 3:
		s.Deeper = uint8(d.upTo(MaxDepth))
	case 4:
		add(d, &s.Peaks, MaxPeaks, decPoint)
	}
}

func decPoint(d *dec, p *Point) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decResources(n, &p.Free) })
	case 2:
		p.Class = CPUClass(d.upTo(255))
	}
}

func decOfferAt(d *dec, o *OfferAt) {
	switch d.field {
	case 1:
		o.Offer = decSignedOffer(d)
	case 2:
		d.addStr(&o.Addrs, MaxAddrs, MaxAddr)
	}
}

func decHint(d *dec, h *Hint) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decSummary(n, &h.Summary) })
	case 2:
		add(d, &h.Traders, MaxRefs, decRef)
	}
}

func encWant(e *enc, w *Want) {
	e.sub(1, func(n *enc) { encResources(n, &w.Need) })
	e.sub(2, func(n *enc) { encPlatform(n, &w.Platform) })
	e.uint(3, uint64(w.Class))
	each(e, 4, w.Constraints, func(n *enc, c *Constraint) { n.str(1, c.Key); n.str(2, c.Value); n.bool(3, c.Not) })
	for _, p := range w.Ports {
		e.uint(5, uint64(p))
	}
	e.bool(6, w.Publishes)
	e.seconds(7, w.Term)
	e.uint(8, uint64(w.Strategy))
	e.id(9, w.On)
	encIDs(e, 10, w.Exclude)
	e.uint(11, uint64(w.MaxPrice))
	e.bool(12, w.MaxPriceSet)
	e.str(13, w.Unit)
}

func decWant(d *dec, w *Want) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decResources(n, &w.Need) })
	case 2:
		d.sub(func(n *dec) { decPlatform(n, &w.Platform) })
	case 3:
		w.Class = CPUClass(d.upTo(255))
	case 4:
		add(d, &w.Constraints, MaxConstraints, func(n *dec, c *Constraint) {
			switch n.field {
			case 1:
				c.Key = n.str(MaxLabel)
			case 2:
				c.Value = n.str(MaxLabel)
			case 3:
				c.Not = n.bool()
			}
		})
	case 5:
		if len(w.Ports) >= MaxPorts {
			d.fail("too many")
			return
		}
		port := d.upTo(65535)
		if port == 0 {
			d.fail("port 0")
		}
		w.Ports = append(w.Ports, uint16(port))
	case 6:
		w.Publishes = d.bool()
	case 7:
		w.Term = d.seconds()
	case 8:
		w.Strategy = Strategy(d.upTo(255))
	case 9:
		w.On = d.id()
	case 10:
		d.addID(&w.Exclude, MaxExclude)
	case 11:
		w.MaxPrice = d.amount()
	case 12:
		w.MaxPriceSet = d.bool()
	case 13:
		w.Unit = d.str(MaxUnit)
	}
}

func encTally(e *enc, t *Tally) {
	e.uint(1, uint64(t.Regions))
	e.uint(2, uint64(t.Offers))
	e.uint(3, uint64(t.Fit))
	each(e, 4, t.Misses, func(n *enc, m *Miss) {
		n.uint(1, uint64(m.Kind))
		n.str(2, m.Detail)
		n.uint(3, uint64(m.Count))
		n.int(4, m.Best)
	})
	if t.Near != nil {
		e.sub(5, func(n *enc) {
			n.id(1, t.Near.Supplier)
			n.str(2, t.Near.Name)
			n.uint(3, uint64(t.Near.Kind))
			n.int(4, t.Near.Have)
			n.str(5, t.Near.Unit)
		})
	}
}

func decTally(d *dec, t *Tally) {
	switch d.field {
	case 1:
		t.Regions = uint32(d.upTo(1 << 20))
	case 2:
		t.Offers = uint32(d.upTo(1 << 30))
	case 3:
		t.Fit = uint32(d.upTo(1 << 30))
	case 4:
		add(d, &t.Misses, MaxMisses, func(n *dec, m *Miss) {
			switch n.field {
			case 1:
				m.Kind = n.miss()
			case 2:
				m.Detail = n.str(2*MaxLabel + 2)
			case 3:
				m.Count = uint32(n.upTo(1 << 30))
			case 4:
				m.Best = n.quantity()
			}
		})
	case 5:
		t.Near = &Nearest{}
		d.sub(func(n *dec) {
			switch n.field {
			case 1:
				t.Near.Supplier = n.id()
			case 2:
				t.Near.Name = n.str(64)
			case 3:
				t.Near.Kind = n.miss()
			case 4:
				t.Near.Have = n.quantity()
			case 5:
				t.Near.Unit = n.str(MaxUnit)
			}
		})
	}
}
