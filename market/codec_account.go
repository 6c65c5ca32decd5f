package market

// The encodings of what a peer remembers of its counterparties and their
// bills. Amounts of one's own are not bounded here: a node must read whatever
// it once wrote.

func encMeter(e *enc, m *Meter) {
	e.id(1, m.Unit)
	e.id(2, m.Lease)
	if m.Note != nil && !m.settled() {
		e.pair(3, m.Note)
	}
	if m.Acked != nil {
		e.pair(4, m.Acked)
	}
	// Most of the time the newest note is the acknowledged one: half the bytes,
	// and half the signatures to verify at start.
	e.bool(5, m.settled())
	if m.Receipt != nil {
		e.pair(6, m.Receipt)
	}
	if m.Notice != nil {
		e.bytes(7, m.Notice.Envelope)
	}
	e.uint(8, m.Heard)
	e.wall(9, m.Seen)
	for _, r := range m.Owing {
		e.pair(10, r)
	}
	if m.Past != nil {
		e.pair(11, m.Past)
	}
}

// settled reports whether the newest note is acknowledged.
func (m *Meter) settled() bool {
	return m.Note != nil && m.Acked != nil && m.Note.Hash == m.Acked.Hash && m.Note.BySupplier == m.Acked.BySupplier
}

func decMeter(d *dec, m *Meter) {
	switch d.field {
	case 1:
		m.Unit = d.id()
	case 2:
		m.Lease = d.id()
	case 3:
		m.Note = decPairOnce(d, openUsage)
	case 4:
		m.Acked = decPairOnce(d, openUsage)
	case 5:
		if d.bool() {
			m.Note = m.Acked
		}
	case 6:
		m.Receipt = decPairOnce(d, openReceipt)
	case 7:
		m.Notice = decOnce(d, openNotice)
	case 8:
		m.Heard = d.uint()
	case 9:
		m.Seen = d.wall()
	case 10:
		if len(m.Owing) == MaxOwing {
			d.fail("too many receipts")
			return
		}
		m.Owing = append(m.Owing, decPair(d, openReceipt))
	case 11:
		m.Past = decPairOnce(d, openLease)
	}
}

func encAccount(e *enc, a *Account) {
	e.id(1, a.Peer)
	e.uint(2, a.Entries)
	e.id(3, a.Head)
	each(e, 4, a.Balances, encBalance)
	e.sub(5, func(n *enc) { encLimit(n, &a.Limit) })
	e.bool(6, a.Blocked)
	e.bool(7, a.Trusted)
	e.str(8, a.Remark)
}

func decAccount(d *dec, a *Account) {
	switch d.field {
	case 1:
		a.Peer = d.id()
	case 2:
		a.Entries = d.uint()
	case 3:
		a.Head = d.id()
	case 4:
		add(d, &a.Balances, MaxBalances, decBalance)
	case 5:
		d.sub(func(n *dec) { decLimit(n, &a.Limit) })
	case 6:
		a.Blocked = d.bool()
	case 7:
		a.Trusted = d.bool()
	case 8:
		a.Remark = d.str(MaxReference)
	}
}

func encBalance(e *enc, b *Balance) {
	e.str(1, b.Unit)
	e.int(2, int64(b.Earned))
	e.int(3, int64(b.Spent))
	e.int(4, int64(b.SettledIn))
	e.int(5, int64(b.SettledOut))
	e.int(6, int64(b.Unconfirmed))
}

func decBalance(d *dec, b *Balance) {
	switch d.field {
	case 1:
		b.Unit = d.str(MaxUnit)
	case 2:
		b.Earned = Micro(d.int())
	case 3:
		b.Spent = Micro(d.int())
	case 4:
		b.SettledIn = Micro(d.int())
	case 5:
		b.SettledOut = Micro(d.int())
	case 6:
		b.Unconfirmed = Micro(d.int())
	}
}

func encLimit(e *enc, l *Limit) {
	e.bool(1, l.Set)
	e.int(2, int64(l.Amount))
	e.str(3, l.Unit)
}

func decLimit(d *dec, l *Limit) {
	switch d.field {
	case 1:
		l.Set = d.bool()
	case 2:
		l.Amount = Micro(d.int())
	case 3:
		l.Unit = d.str(MaxUnit)
	}
}

// encEntry decides what EntryHash covers, so it never changes.
func encEntry(e *enc, x *Entry) {
	e.id(1, x.Peer)
	e.uint(2, x.Index)
	e.wall(3, x.At)
	e.uint(4, uint64(x.Kind))
	e.bytes(5, x.First)
	e.bytes(6, x.Second)
	e.id(7, x.Prev)
}

func decEntry(d *dec, x *Entry) {
	switch d.field {
	case 1:
		x.Peer = d.id()
	case 2:
		x.Index = d.uint()
	case 3:
		x.At = d.wall()
	case 4:
		x.Kind = EntryKind(d.upTo(255))
	case 5:
		x.First = d.envelope()
	case 6:
		x.Second = d.envelope()
	case 7:
		x.Prev = d.id()
	}
}

func encTomb(e *enc, t *Tomb) {
	e.id(1, t.Lease)
	e.id(2, t.Buyer)
	e.wall(3, t.Until)
}

func decTomb(d *dec, t *Tomb) {
	switch d.field {
	case 1:
		t.Lease = d.id()
	case 2:
		t.Buyer = d.id()
	case 3:
		t.Until = d.wall()
	}
}
