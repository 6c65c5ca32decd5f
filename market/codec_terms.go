package market

// The encodings of what is priced, metered and settled. Field numbers are
// never reused.

func encPrice(e *enc, p *Price) {
	e.str(1, p.Unit)
	e.uint(2, uint64(p.Core))
	e.uint(3, uint64(p.Memory))
	e.uint(4, uint64(p.Disk))
	e.uint(5, uint64(p.Parked))
	e.uint(6, uint64(p.Start))
}

func decPrice(d *dec, p *Price) {
	switch d.field {
	case 1:
		p.Unit = d.str(MaxUnit)
	case 2:
		p.Core = d.rate()
	case 3:
		p.Memory = d.rate()
	case 4:
		p.Disk = d.rate()
	case 5:
		p.Parked = d.rate()
	case 6:
		p.Start = d.rate()
	}
}

func (d *dec) rate() Micro { return Micro(d.upTo(uint64(MaxMicro))) }

func (d *dec) amount() Micro { return Micro(d.upTo(uint64(MaxAmount))) }

func encTerms(e *enc, t *Terms) {
	e.sub(1, func(n *enc) { encPrice(n, &t.Price) })
	e.seconds(2, t.Interval)
	e.uint(3, uint64(t.Bear))
	e.seconds(4, t.Grace)
	e.seconds(5, t.Notice)
}

func decTerms(d *dec, t *Terms) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decPrice(n, &t.Price) })
	case 2:
		t.Interval = d.seconds()
	case 3:
		t.Bear = int(d.upTo(MaxBear))
	case 4:
		t.Grace = d.seconds()
	case 5:
		t.Notice = d.seconds()
	}
}

// terms writes terms that may be missing.
func (e *enc) terms(field int, t *Terms) {
	if t != nil {
		e.sub(field, func(n *enc) { encTerms(n, t) })
	}
}

func (d *dec) terms() *Terms {
	var t Terms
	d.sub(func(n *dec) { decTerms(n, &t) })
	return &t
}

func encUsage(e *enc, u *Usage) { e.uint(1, u.Running); e.uint(2, u.Parked) }

func decUsage(d *dec, u *Usage) {
	switch d.field {
	case 1:
		u.Running = d.uint()
	case 2:
		u.Parked = d.uint()
	}
}

func encCounters(e *enc, c *Counters) {
	e.uint(1, c.CPUSeconds)
	e.uint(2, uint64(c.PeakMemory))
	e.uint(3, uint64(c.NetIn))
	e.uint(4, uint64(c.NetOut))
	e.uint(5, uint64(c.DiskRead))
	e.uint(6, uint64(c.DiskWrite))
	e.uint(7, c.Unhealthy)
	e.uint(8, uint64(c.Restarts))
}

// count reads a counter of bytes, which nobody bounds but its type.
func (d *dec) count() Bytes { return Bytes(d.upTo(1 << 62)) }

func decCounters(d *dec, c *Counters) {
	switch d.field {
	case 1:
		c.CPUSeconds = d.uint()
	case 2:
		c.PeakMemory = d.count()
	case 3:
		c.NetIn = d.count()
	case 4:
		c.NetOut = d.count()
	case 5:
		c.DiskRead = d.count()
	case 6:
		c.DiskWrite = d.count()
	case 7:
		c.Unhealthy = d.uint()
	case 8:
		c.Restarts = uint32(d.upTo(1<<32 - 1))
	}
}

func encUsageNote(e *enc, u *UsageNote) {
	e.uint(1, 1) // version
	e.id(2, u.Lease)
	e.uint(3, u.Seq)
	e.sub(4, func(n *enc) { encUsage(n, &u.Usage) })
	e.uint(5, uint64(u.Amount))
	e.sub(6, func(n *enc) { encCounters(n, &u.Counters) })
	e.wall(7, u.At)
	e.bool(8, u.Last)
	e.id(9, u.Prev)
}

func decUsageNote(d *dec, u *UsageNote) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		u.Lease = d.id()
	case 3:
		u.Seq = d.uint()
	case 4:
		d.sub(func(n *dec) { decUsage(n, &u.Usage) })
	case 5:
		u.Amount = d.amount()
	case 6:
		d.sub(func(n *dec) { decCounters(n, &u.Counters) })
	case 7:
		u.At = d.wall()
	case 8:
		u.Last = d.bool()
	case 9:
		u.Prev = d.id()
	}
}

func encReceipt(e *enc, r *Receipt) {
	e.uint(1, 1) // version
	e.id(2, r.Lease)
	e.id(3, r.Note)
	e.uint(4, r.NoteSeq)
	e.sub(5, func(n *enc) { encUsage(n, &r.Usage) })
	e.uint(6, uint64(r.Amount))
	e.sub(7, func(n *enc) { encPrice(n, &r.Price) })
	e.wall(8, r.Start)
	e.wall(9, r.End)
	e.id(10, r.EndedBy)
	e.uint(11, uint64(r.Reason))
	e.bool(12, r.Early)
	e.uint(13, uint64(r.Restarts))
	e.uint(14, r.Unhealthy)
}

func decReceipt(d *dec, r *Receipt) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		r.Lease = d.id()
	case 3:
		r.Note = d.id()
	case 4:
		r.NoteSeq = d.uint()
	case 5:
		d.sub(func(n *dec) { decUsage(n, &r.Usage) })
	case 6:
		r.Amount = d.amount()
	case 7:
		d.sub(func(n *dec) { decPrice(n, &r.Price) })
	case 8:
		r.Start = d.wall()
	case 9:
		r.End = d.wall()
	case 10:
		r.EndedBy = d.id()
	case 11:
		r.Reason = d.reason()
	case 12:
		r.Early = d.bool()
	case 13:
		r.Restarts = uint32(d.upTo(1<<32 - 1))
	case 14:
		r.Unhealthy = d.uint()
	}
}

func encSettlement(e *enc, s *Settlement) {
	e.uint(1, 1) // version
	e.id(2, s.Network)
	e.id(3, s.Debtor)
	e.id(4, s.Creditor)
	e.uint(5, uint64(s.Amount))
	e.str(6, s.Unit)
	e.str(7, s.Reference)
	for i := range s.Receipts {
		e.bytes(8, s.Receipts[i][:])
	}
	e.uint(9, s.Nonce)
	e.wall(10, s.At)
}

func decSettlement(d *dec, s *Settlement) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		s.Network = d.id()
	case 3:
		s.Debtor = d.id()
	case 4:
		s.Creditor = d.id()
	case 5:
		s.Amount = d.amount()
	case 6:
		s.Unit = d.str(MaxUnit)
	case 7:
		s.Reference = d.str(MaxReference)
	case 8:
		if len(s.Receipts) == MaxReceipts {
			d.fail("too many receipts")
			return
		}
		s.Receipts = append(s.Receipts, d.id())
	case 9:
		s.Nonce = d.uint()
	case 10:
		s.At = d.wall()
	}
}

func encHold(e *enc, h *Hold) {
	e.uint(1, 1) // version
	e.id(2, h.Network)
	e.id(3, h.Supplier)
	e.id(4, h.Buyer)
	e.uint(5, h.OfferSeq)
	e.uint(6, h.Nonce)
	e.sub(7, func(n *enc) { encResources(n, &h.Resources) })
	e.uint(8, uint64(h.Pids))
	each(e, 9, h.Ports, encPort)
	e.terms(10, h.Terms)
	e.uint(11, uint64(h.Hourly))
	e.wall(12, h.At)
	e.wall(13, h.Until)
}

func decHold(d *dec, h *Hold) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		h.Network = d.id()
	case 3:
		h.Supplier = d.id()
	case 4:
		h.Buyer = d.id()
	case 5:
		h.OfferSeq = d.uint()
	case 6:
		h.Nonce = d.uint()
	case 7:
		d.sub(func(n *dec) { decResources(n, &h.Resources) })
	case 8:
		h.Pids = int64(d.upTo(1 << 20))
	case 9:
		add(d, &h.Ports, MaxPorts, decPort)
	case 10:
		h.Terms = d.terms()
	case 11:
		h.Hourly = d.amount()
	case 12:
		h.At = d.wall()
	case 13:
		h.Until = d.wall()
	}
}

func encNotice(e *enc, m *Notice) {
	e.uint(1, 1) // version
	e.id(2, m.Lease)
	e.id(3, m.Unit)
	e.uint(4, m.Seq)
	e.uint(5, uint64(m.Kind))
	e.wall(6, m.At)
	e.wall(7, m.Deadline)
	e.str(8, m.Detail)
}

func decNotice(d *dec, m *Notice) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		m.Lease = d.id()
	case 3:
		m.Unit = d.id()
	case 4:
		m.Seq = d.uint()
	case 5:
		if k := d.upTo(255); k < uint64(maxNotice) {
			m.Kind = NoticeKind(k)
		}
	case 6:
		m.At = d.wall()
	case 7:
		m.Deadline = d.wall()
	case 8:
		m.Detail = d.str(MaxDetail)
	}
}
