package market

import "fmt"

// MaxSigned bounds an envelope of a hold, note, notice, receipt or settlement,
// in bytes.
const MaxSigned = 16 << 10

// OpenUsage verifies a usage note: bounds, the supplier's signature, and the
// buyer's over the same payload if it is there. The caller compares By and
// Buyer with the lease's peers.
func OpenUsage(bySupplier, byBuyer []byte) (*SignedUsage, error) {
	return openUsage(verify, bySupplier, byBuyer)
}

func openUsage(t trust, bySupplier, byBuyer []byte) (*SignedUsage, error) {
	var s SignedUsage
	var err error
	if s.By, s.Buyer, s.Hash, err = openBoth(t, KindUsage, bySupplier, byBuyer, decUsageNote, &s.UsageNote); err != nil {
		return nil, err
	}
	p := payload(encUsageNote, &s.UsageNote)
	s.BySupplier, s.ByBuyer = proofOf(KindUsage, s.By, p, bySupplier), proofOf(KindUsage, s.Buyer, p, byBuyer)
	return &s, s.Validate()
}

// OpenReceipt verifies a receipt as OpenUsage does a note.
func OpenReceipt(bySupplier, byBuyer []byte) (*SignedReceipt, error) {
	return openReceipt(verify, bySupplier, byBuyer)
}

func openReceipt(t trust, bySupplier, byBuyer []byte) (*SignedReceipt, error) {
	var s SignedReceipt
	var err error
	if s.By, s.Buyer, s.ID, err = openBoth(t, KindReceipt, bySupplier, byBuyer, decReceipt, &s.Receipt); err != nil {
		return nil, err
	}
	p := payload(encReceipt, &s.Receipt)
	s.BySupplier, s.ByBuyer = proofOf(KindReceipt, s.By, p, bySupplier), proofOf(KindReceipt, s.Buyer, p, byBuyer)
	return &s, s.Validate()
}

// OpenSettlement verifies a settlement, and that it is signed by its two
// peers and nobody else.
func OpenSettlement(proposal, answer []byte) (*SignedSettlement, error) {
	return openSettlement(verify, proposal, answer)
}

func openSettlement(t trust, proposal, answer []byte) (*SignedSettlement, error) {
	s := SignedSettlement{Proposal: proposal, Answer: answer}
	by, second, id, err := openBoth(t, KindSettlement, proposal, answer, decSettlement, &s.Settlement)
	if err != nil {
		return nil, err
	}
	s.By, s.ID = by, id
	if by != s.Debtor && by != s.Creditor {
		return nil, impostor(KindSettlement, s.Creditor, by)
	}
	if other := s.Other(); answer != nil && second != other {
		return nil, impostor(KindSettlement, other, second)
	}
	return &s, s.Validate()
}

// Other is the peer that did not propose the settlement.
func (s *SignedSettlement) Other() PeerID {
	if s.By == s.Debtor {
		return s.Creditor
	}
	return s.Debtor
}

// Envelopes returns the proposal, and the answer or nil.
func (s *SignedSettlement) Envelopes() (proposal, answer []byte) { return s.Proposal, s.Answer }

// OpenHold verifies a hold: bounds, signature, and that its supplier signed it.
func OpenHold(envelope []byte) (*SignedHold, error) { return openHold(verify, envelope) }

func openHold(t trust, envelope []byte) (*SignedHold, error) {
	s := SignedHold{Envelope: envelope}
	by, _, id, err := openBoth(t, KindHold, envelope, nil, decHold, &s.Hold)
	if err != nil {
		return nil, err
	}
	if by != s.Supplier {
		return nil, impostor(KindHold, s.Supplier, by)
	}
	s.ID = id
	return &s, s.Validate()
}

// OpenNotice verifies a notice and tells who signed it; the caller compares
// that with the lease's supplier.
func OpenNotice(envelope []byte) (*SignedNotice, error) { return openNotice(verify, envelope) }

func openNotice(t trust, envelope []byte) (*SignedNotice, error) {
	s := SignedNotice{Envelope: envelope}
	var err error
	if s.By, _, _, err = openBoth(t, KindNotice, envelope, nil, decNotice, &s.Notice); err != nil {
		return nil, err
	}
	return &s, s.Validate()
}

// openBoth verifies one or two envelopes over the same payload; second is who
// signed the other one, zero without it.
func openBoth[T any](t trust, k Kind, first, other []byte, decode func(*dec, *T), v *T) (by, second PeerID, id [32]byte, err error) {
	if len(first) > MaxSigned || len(other) > MaxSigned {
		return by, second, id, fmt.Errorf("%w: %s of %d bytes", ErrMalformed, k, max(len(first), len(other)))
	}
	by, payload, err := open(t, k, first, decode, v)
	if err != nil {
		return by, second, id, err
	}
	id = hash(payload)
	if len(other) == 0 {
		return by, second, id, nil
	}
	second, same, err := t.envelope(k, other)
	if err == nil && hash(same) != id {
		err = fmt.Errorf("%w: two %ss under one pair of signatures", ErrMalformed, k)
	}
	return by, second, id, err
}

// EntryHash is what the next entry of a log covers: the SHA-256 of the
// encoded entry, or, of one that stands for others, that of their last.
func EntryHash(e *Entry) [32]byte {
	if e.Kind == EntryThinned {
		return e.thinned().hash
	}
	return hash(EncodeRecord(e))
}
