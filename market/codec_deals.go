package market

import "fmt"

// The encodings of the messages about holds, usage, notices, receipts and
// settlements. What one peer has signed travels as its envelope; what both
// have signed as a pair of them.

// reads is an entry of messageTypes.
func reads[M any, P interface {
	*M
	Message
}](decode func(*dec, *M)) func() (Message, func(*dec)) {
	return func() (Message, func(*dec)) {
		m := new(M)
		return P(m), func(d *dec) { decode(d, m) }
	}
}

// encDeal appends m's body and returns its type number; 0 = not one of these.
func encDeal(e *enc, m Message) int {
	switch m := m.(type) {
	case *RequestHold:
		encRequestHold(e, m)
		return 18
	case *GrantHold:
		e.uint(1, m.Ref)
		e.bytes(2, m.Hold.Envelope)
		return 19
	case *ReleaseHold:
		e.id(1, m.Hold)
		return 20
	case *ReportUsage:
		first, _ := m.Note.Envelopes()
		e.bytes(1, first)
		return 21
	case *AckUsage:
		e.id(1, m.Lease)
		e.uint(2, m.Seq)
		if m.Note != nil {
			e.pair(3, m.Note)
		}
		e.uint(4, uint64(m.Reason))
		e.str(5, m.Detail)
		return 22
	case *GiveNotice:
		e.bytes(1, m.Notice.Envelope)
		return 23
	case *AckNotice:
		e.id(1, m.Unit)
		e.uint(2, m.Seq)
		return 24
	case *IssueReceipt:
		first, _ := m.Receipt.Envelopes()
		e.bytes(1, first)
		return 25
	case *SignReceipt:
		e.id(1, m.Lease)
		if m.Receipt != nil {
			e.pair(2, m.Receipt)
		}
		e.uint(3, uint64(m.Reason))
		e.str(4, m.Detail)
		return 26
	case *ProposeSettlement:
		e.bytes(1, m.Settlement.Proposal)
		return 27
	case *AnswerSettlement:
		e.id(1, m.ID)
		if m.Settlement != nil {
			e.pair(2, m.Settlement)
		}
		e.uint(3, uint64(m.Reason))
		e.str(4, m.Detail)
		return 28
	}
	return 0
}

func encRequestHold(e *enc, m *RequestHold) {
	e.uint(1, m.Ref)
	e.uint(2, m.OfferSeq)
	e.sub(3, func(n *enc) { encResources(n, &m.Resources) })
	e.uint(4, uint64(m.Pids))
	each(e, 5, m.Ports, encPort)
	e.str(6, m.Image)
	e.terms(7, m.Terms)
	e.seconds(8, m.Term)
	e.seconds(9, m.For)
}

func decRequestHold(d *dec, m *RequestHold) {
	switch d.field {
	case 1:
		m.Ref = d.uint()
	case 2:
		m.OfferSeq = d.uint()
	case 3:
		d.sub(func(n *dec) { decResources(n, &m.Resources) })
	case 4:
		m.Pids = int64(d.upTo(1 << 20))
	case 5:
		add(d, &m.Ports, MaxPorts, decPort)
	case 6:
		m.Image = d.str(MaxImage)
	case 7:
		m.Terms = d.terms()
	case 8:
		m.Term = d.seconds()
	case 9:
		m.For = d.seconds()
	}
}

func decGrantHold(d *dec, m *GrantHold) {
	switch d.field {
	case 1:
		m.Ref = d.uint()
	case 2:
		m.Hold = decOnce(d, openHold)
	}
}

func decReleaseHold(d *dec, m *ReleaseHold) {
	if d.field == 1 {
		m.Hold = d.id()
	}
}

func decReportUsage(d *dec, m *ReportUsage) {
	if d.field == 1 {
		m.Note = decOnce(d, alone(openUsage))
	}
}

func decAckUsage(d *dec, m *AckUsage) {
	switch d.field {
	case 1:
		m.Lease = d.id()
	case 2:
		m.Seq = d.uint()
	case 3:
		m.Note = decPairOnce(d, openUsage)
	case 4:
		m.Reason = d.reason()
	case 5:
		m.Detail = d.str(MaxDetail)
	}
}

func decGiveNotice(d *dec, m *GiveNotice) {
	if d.field == 1 {
		m.Notice = decOnce(d, openNotice)
	}
}

func decAckNotice(d *dec, m *AckNotice) {
	switch d.field {
	case 1:
		m.Unit = d.id()
	case 2:
		m.Seq = d.uint()
	}
}

func decIssueReceipt(d *dec, m *IssueReceipt) {
	if d.field == 1 {
		m.Receipt = decOnce(d, alone(openReceipt))
	}
}

func decSignReceipt(d *dec, m *SignReceipt) {
	switch d.field {
	case 1:
		m.Lease = d.id()
	case 2:
		m.Receipt = decPairOnce(d, openReceipt)
	case 3:
		m.Reason = d.reason()
	case 4:
		m.Detail = d.str(MaxDetail)
	}
}

func decProposeSettlement(d *dec, m *ProposeSettlement) {
	if d.field == 1 {
		m.Settlement = decOnce(d, alone(openSettlement))
	}
}

func decAnswerSettlement(d *dec, m *AnswerSettlement) {
	switch d.field {
	case 1:
		m.ID = d.id()
	case 2:
		m.Settlement = decPairOnce(d, openSettlement)
	case 3:
		m.Reason = d.reason()
	case 4:
		m.Detail = d.str(MaxDetail)
	}
}

// validateDeal refuses what no honest peer sends. An answer either agrees, by
// a second signature, or says why not.
func validateDeal(m Message) error {
	switch m := m.(type) {
	case *RequestHold:
		return m.validate()
	case *GrantHold:
		return required(m.Ref != 0 && m.Hold != nil)
	case *ReleaseHold:
		return required(!m.Hold.IsZero())
	case *ReportUsage:
		return required(m.Note != nil)
	case *AckUsage:
		if n := m.Note; n != nil {
			return answered(n.ByBuyer != "", m.Reason, m.Lease == n.Lease && m.Seq == n.Seq)
		}
		return required(!m.Lease.IsZero() && m.Seq != 0 && m.Reason != NoReason)
	case *GiveNotice:
		return required(m.Notice != nil)
	case *AckNotice:
		return required(!m.Unit.IsZero() && m.Seq != 0)
	case *IssueReceipt:
		return required(m.Receipt != nil)
	case *SignReceipt:
		if r := m.Receipt; r != nil {
			return answered(r.ByBuyer != "", m.Reason, m.Lease == r.Lease)
		}
		return required(!m.Lease.IsZero() && m.Reason != NoReason)
	case *ProposeSettlement:
		return required(m.Settlement != nil)
	case *AnswerSettlement:
		if s := m.Settlement; s != nil {
			return answered(s.Answer != nil, m.Reason, m.ID == s.ID)
		}
		return required(m.ID != [32]byte{} && m.Reason != NoReason)
	}
	return nil
}

func (m *RequestHold) validate() error {
	switch {
	case m.Ref == 0 || m.Image == "":
		return required(false)
	case !leasable(m.Resources):
		return fmt.Errorf("%w: hold of %v", ErrMalformed, m.Resources)
	case m.Term <= 0 || m.Term > MaxTerm || m.For > HoldTime:
		return fmt.Errorf("%w: hold of %v for a lease of %v", ErrMalformed, m.For, m.Term)
	}
	return m.Terms.Validate()
}

func required(is bool) error {
	if !is {
		return fmt.Errorf("%w: a required field is missing", ErrMalformed)
	}
	return nil
}

// answered holds an agreement to what it agrees to.
func answered(signed bool, r Reason, same bool) error {
	if !signed || r != NoReason || !same {
		return fmt.Errorf("%w: agreement without a signature, with a reason against it, or to something else", ErrMalformed)
	}
	return nil
}

// twice is an object that two sign, in this order; a missing envelope is nil.
type twice interface {
	Envelopes() (first, second []byte)
}

// pair writes the two envelopes over one payload; the second may be missing.
func (e *enc) pair(field int, s twice) {
	first, second := s.Envelopes()
	e.sub(field, func(n *enc) { n.bytes(1, first); n.bytes(2, second) })
}

// decOne verifies an envelope.
func decOne[T any](d *dec, open func(trust, []byte) (*T, error)) *T {
	b := d.envelope()
	if d.err != nil {
		return nil
	}
	v, err := open(d.trust, b)
	if err != nil {
		d.err = err
		return nil
	}
	return v
}

// decPair verifies a pair of envelopes.
func decPair[T any](d *dec, open func(t trust, first, second []byte) (*T, error)) *T {
	var first, second []byte
	d.sub(func(n *dec) {
		switch n.field {
		case 1:
			first = n.envelope()
		case 2:
			second = n.envelope()
		}
	})
	if d.err != nil {
		return nil
	}
	v, err := open(d.trust, first, second)
	if err != nil {
		d.err = err
		return nil
	}
	return v
}

func decOnce[T any](d *dec, open func(trust, []byte) (*T, error)) *T {
	if d.once(); d.err != nil {
		return nil
	}
	return decOne(d, open)
}

func decPairOnce[T any](d *dec, open func(t trust, first, second []byte) (*T, error)) *T {
	if d.once(); d.err != nil {
		return nil
	}
	return decPair(d, open)
}

// alone opens what only the first of two has signed.
func alone[T any](open func(t trust, first, second []byte) (*T, error)) func(trust, []byte) (*T, error) {
	return func(t trust, first []byte) (*T, error) { return open(t, first, nil) }
}
