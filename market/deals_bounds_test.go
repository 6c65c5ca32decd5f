package market_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

// A second signature may be anybody's where the object does not name its
// peers: the one who knows the lease compares. Here are the other bounds.
func TestUsageNotesInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.UsageNote){
		"no lease":         func(n *market.UsageNote) { n.Lease = market.LeaseID{} },
		"no number":        func(n *market.UsageNote) { n.Seq = 0 },
		"negative":         func(n *market.UsageNote) { n.Amount = -1 },
		"too much":         func(n *market.UsageNote) { n.Amount = market.MaxAmount + 1 },
		"too long":         func(n *market.UsageNote) { n.Usage.Running = maxSeconds + 1 },
		"parked too long":  func(n *market.UsageNote) { n.Usage.Parked = maxSeconds + 1 },
		"too long in all":  func(n *market.UsageNote) { n.Usage = market.Usage{Running: maxSeconds, Parked: 1} },
		"hides the former": func(n *market.UsageNote) { n.Prev = [32]byte{} },
		"first of two":     func(n *market.UsageNote) { n.Seq = 1 },
		"far date":         func(n *market.UsageNote) { n.At = 1 << 60 },
		"counter":          func(n *market.UsageNote) { n.Counters.NetIn = -1 },
	} {
		n := testUsage(2)
		f(&n)
		if got, err := market.OpenUsage(bySupplier(seller.Usage(n)), nil); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
	}
}

func TestReceiptsInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Receipt){
		"no lease":             func(r *market.Receipt) { r.Lease = market.LeaseID{} },
		"nobody ended it":      func(r *market.Receipt) { r.EndedBy = market.PeerID{} },
		"no reason":            func(r *market.Receipt) { r.Reason = market.NoReason },
		"ends first":           func(r *market.Receipt) { r.End = r.Start - 1 },
		"negative":             func(r *market.Receipt) { r.Amount = -1 },
		"too much":             func(r *market.Receipt) { r.Amount = market.MaxAmount + 1 },
		"too long":             func(r *market.Receipt) { r.Usage.Parked = maxSeconds },
		"a note of no number":  func(r *market.Receipt) { r.NoteSeq = 0 },
		"a number of no note":  func(r *market.Receipt) { r.Note = [32]byte{} },
		"an amount by nothing": func(r *market.Receipt) { r.Note, r.NoteSeq, r.Usage = [32]byte{}, 0, market.Usage{} },
		"usage by nothing":     func(r *market.Receipt) { r.Note, r.NoteSeq, r.Amount = [32]byte{}, 0, 0 },
		"price":                func(r *market.Receipt) { r.Price.Unit = "" },
	} {
		r := testReceipt()
		f(&r)
		if got, err := market.OpenReceipt(bySupplier(seller.Receipt(r)), nil); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
	}
	nothing := testReceipt()
	nothing.Note, nothing.NoteSeq, nothing.Usage, nothing.Amount = [32]byte{}, 0, market.Usage{}, 0
	if _, err := market.OpenReceipt(bySupplier(seller.Receipt(nothing)), nil); err != nil {
		t.Errorf("a lease that never ran: %v", err)
	}
}

func TestSettlementsInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Settlement){
		"no debtor":   func(s *market.Settlement) { s.Debtor = market.PeerID{} },
		"no creditor": func(s *market.Settlement) { s.Creditor = market.PeerID{} },
		"of strangers": func(s *market.Settlement) {
			s.Debtor, s.Creditor = stranger.Self(), seller.Self()
		},
		"with oneself":      func(s *market.Settlement) { s.Creditor = s.Debtor },
		"of nothing":        func(s *market.Settlement) { s.Amount = 0 },
		"negative":          func(s *market.Settlement) { s.Amount = -1 },
		"too much":          func(s *market.Settlement) { s.Amount = market.MaxAmount + 1 },
		"no unit":           func(s *market.Settlement) { s.Unit = "" },
		"bad unit":          func(s *market.Settlement) { s.Unit = "a,b" },
		"long reference":    func(s *market.Settlement) { s.Reference = strings.Repeat("x", market.MaxReference+1) },
		"too many receipts": func(s *market.Settlement) { s.Receipts = make([]market.LeaseID, market.MaxReceipts+1) },
	} {
		s := testSettlement()
		f(&s)
		if got, err := market.OpenSettlement(buyer.Settlement(s).Proposal, nil); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
		if err := s.Validate(); err == nil && name != "of strangers" {
			t.Errorf("%s: valid", name)
		}
	}
}

func TestHoldsInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Hold){
		"another's name":   func(h *market.Hold) { h.Supplier = stranger.Self() },
		"no supplier":      func(h *market.Hold) { h.Supplier = market.PeerID{} },
		"no buyer":         func(h *market.Hold) { h.Buyer = market.PeerID{} },
		"no processor":     func(h *market.Hold) { h.Resources.CPU = market.MinCPU - 1; h.Hourly = rightly(h) },
		"no memory":        func(h *market.Hold) { h.Resources.Memory = market.MinMemory - 1; h.Hourly = rightly(h) },
		"too much":         func(h *market.Hold) { h.Resources.Disk = market.MaxBytes + 1; h.Hourly = rightly(h) },
		"over":             func(h *market.Hold) { h.Until = h.At },
		"too long":         func(h *market.Hold) { h.Until = h.At.Add(market.MaxHold) + 1 },
		"wraps an int64":   func(h *market.Hold) { h.At = -1 << 48; h.Until = 1 << 48 },
		"another price":    func(h *market.Hold) { h.Hourly++ },
		"a price for free": func(h *market.Hold) { h.Terms = nil },
		"ports":            func(h *market.Hold) { h.Ports = make([]market.Port, market.MaxPorts+1) },
		"pids":             func(h *market.Hold) { h.Pids = -1 },
		"terms":            func(h *market.Hold) { h.Terms.Interval = 0 },
	} {
		h := testHold()
		f(&h)
		if got, err := market.OpenHold(seller.Hold(h).Envelope); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
	}
	free := testHold()
	free.Terms, free.Hourly = nil, 0
	if _, err := market.OpenHold(seller.Hold(free).Envelope); err != nil {
		t.Errorf("free: %v", err)
	}
	// What the decoder or the signature finds first.
	many, nobody := testHold(), testHold()
	many.Ports, nobody.Supplier = make([]market.Port, market.MaxPorts+1), market.PeerID{}
	if many.Validate() == nil || nobody.Validate() == nil {
		t.Error("too many ports, or no supplier, are valid")
	}
}

func rightly(h *market.Hold) market.Micro { return h.Terms.Price.Hourly(h.Resources) }

func TestNoticesInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Notice){
		"no lease":  func(n *market.Notice) { n.Lease = market.LeaseID{} },
		"no unit":   func(n *market.Notice) { n.Unit = market.LeaseID{} },
		"no number": func(n *market.Notice) { n.Seq = 0 },
		"wordy":     func(n *market.Notice) { n.Detail = strings.Repeat("x", market.MaxDetail+1) },
		"far date":  func(n *market.Notice) { n.Deadline = 1 << 60 },
	} {
		n := testNotice()
		f(&n)
		if got, err := market.OpenNotice(seller.Notice(n).Envelope); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
	}
	n := testNotice()
	n.Kind = 99 // of a later version
	if got, err := market.OpenNotice(seller.Notice(n).Envelope); err != nil || got.Kind != market.NoticeOther {
		t.Errorf("a later kind: %+v, %v", got, err)
	}
}

// Prices in leases are bounded as those in offers.
func TestPricedLeasesInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Lease){
		"negative":    func(l *market.Lease) { l.MaxCost = -1 },
		"without end": func(l *market.Lease) { l.MaxCost = market.MaxAmount + 1 },
		"terms":       func(l *market.Lease) { l.Terms.Price.Unit = "" },
		"rate":        func(l *market.Lease) { l.Terms.Price.Core = market.MaxMicro + 1 },
	} {
		l := priced().Lease
		terms := *l.Terms
		l.Terms = &terms
		f(&l)
		if got, err := market.OpenLease(byBuyer(buyer.Lease(l)), nil); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: opened %+v, %v", name, got, err)
		}
		if l.Validate() == nil {
			t.Errorf("%s: valid", name)
		}
	}
}

// signed is one envelope of each object, with how it is opened.
func signed() map[string]struct {
	envelope []byte
	open     func([]byte) error
} {
	type object = struct {
		envelope []byte
		open     func([]byte) error
	}
	lease, note, receipt, deal := priced(), acked(2), received(), agreed()
	return map[string]object{
		"offer":  {seller.Offer(pricedOffer()).Envelope, func(b []byte) error { _, err := market.OpenOffer(b); return err }},
		"lease":  {byBuyer(lease), func(b []byte) error { _, err := market.OpenLease(b, bySupplier(lease)); return err }},
		"grant":  {bySupplier(lease), func(b []byte) error { _, err := market.OpenLease(byBuyer(lease), b); return err }},
		"status": {seller.Status(testStatus(filled(9))).Envelope(), func(b []byte) error { _, err := market.OpenStatus(b); return err }},
		"hold":   {seller.Hold(testHold()).Envelope, func(b []byte) error { _, err := market.OpenHold(b); return err }},
		"note":   {bySupplier(note), func(b []byte) error { _, err := market.OpenUsage(b, nil); return err }},
		"ack":    {byBuyer(note), func(b []byte) error { _, err := market.OpenUsage(bySupplier(note), b); return err }},
		"notice": {seller.Notice(testNotice()).Envelope, func(b []byte) error { _, err := market.OpenNotice(b); return err }},
		"receipt": {bySupplier(receipt), func(b []byte) error {
			_, err := market.OpenReceipt(b, byBuyer(receipt))
			return err
		}},
		"signed receipt": {byBuyer(receipt), func(b []byte) error {
			_, err := market.OpenReceipt(bySupplier(receipt), b)
			return err
		}},
		"proposal": {deal.Proposal, func(b []byte) error { _, err := market.OpenSettlement(b, nil); return err }},
		"answer":   {deal.Answer, func(b []byte) error { _, err := market.OpenSettlement(deal.Proposal, b); return err }},
	}
}

// One changed byte anywhere in anything that is signed is found.
func TestEveryFlippedByteIsFound(t *testing.T) {
	for name, s := range signed() {
		if err := s.open(s.envelope); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := 0; i < len(s.envelope); i += flipStride {
			bad := bytes.Clone(s.envelope)
			bad[i] ^= 1 << (i % 8)
			if err := s.open(bad); !errors.Is(err, market.ErrMalformed) {
				t.Errorf("byte %d of a %s: %v", i, name, err)
			}
		}
	}
}

// What was signed as one thing never passes for another, even if its payload
// reads as one: a note's for a receipt, say.
func TestSignaturesAreOfOneKind(t *testing.T) {
	all := signed()
	for name, s := range all {
		kind := kindOf(t, s.envelope)
		for other, o := range all {
			if kindOf(t, o.envelope) == kind {
				continue
			}
			if err := s.open(o.envelope); !errors.Is(err, market.ErrMalformed) {
				t.Errorf("%s passed for %s: %v", other, name, err)
			}
		}
	}
}

func kindOf(t *testing.T, envelope []byte) market.Kind {
	t.Helper()
	for _, k := range kinds {
		if _, _, err := market.Open(k, envelope); err == nil {
			return k
		}
	}
	t.Fatal("an envelope of no kind")
	return ""
}

// Both signatures stand under the same bytes, and under a settlement only
// those of its two peers.
func TestPairsAreOfOnePayload(t *testing.T) {
	other := testSettlement()
	other.Nonce++
	receipt := testReceipt()
	receipt.Restarts++
	bad := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := market.OpenUsage(bySupplier(acked(2)), byBuyer(acked(1)))
	bad("the acknowledgement of another note", err)
	_, err = market.OpenReceipt(bySupplier(received()), byBuyer(buyer.SignReceipt(seller.Receipt(receipt))))
	bad("a signature under another receipt", err)
	_, err = market.OpenSettlement(agreed().Proposal, seller.SignSettlement(buyer.Settlement(other)).Answer)
	bad("an answer to another settlement", err)
	_, err = market.OpenSettlement(agreed().Proposal, stranger.SignSettlement(buyer.Settlement(testSettlement())).Answer)
	bad("a stranger's answer", err)
	_, err = market.OpenSettlement(agreed().Proposal, agreed().Proposal)
	bad("its own answer", err)
	_, err = market.OpenSettlement(stranger.Settlement(testSettlement()).Proposal, nil)
	bad("a stranger's proposal", err)
	_, payload, _ := market.Open(market.KindUsage, bySupplier(acked(2)))
	large := append(bytes.Clone(payload), newField(15, make([]byte, market.MaxSigned))...)
	_, err = market.OpenUsage(market.Seal(sellerKey, market.KindUsage, large), nil)
	bad("a large envelope", err)
	padded := append(byBuyer(acked(2)), newField(15, make([]byte, market.MaxSigned))...)
	_, err = market.OpenUsage(bySupplier(acked(2)), padded)
	bad("a large second one", err)

	creditor := seller.Settlement(testSettlement())
	if creditor.Other() != buyer.Self() || agreed().Other() != seller.Self() {
		t.Error("the other of the two")
	}
	if s, err := market.OpenSettlement(creditor.Proposal, buyer.SignSettlement(creditor).Answer); err != nil || s.By != seller.Self() {
		t.Errorf("proposed by the creditor: %+v, %v", s, err)
	}
}

// Whoever signs second keeps what it does not understand, and never signs what
// nobody has signed.
func TestSecondSignatures(t *testing.T) {
	_, payload, _ := market.Open(market.KindUsage, bySupplier(acked(2)))
	n, err := market.OpenUsage(market.Seal(sellerKey, market.KindUsage, later(payload)), nil)
	if err != nil {
		t.Fatal(err)
	}
	both := buyer.AckUsage(n)
	if n.ByBuyer != "" {
		t.Error("AckUsage changed its argument")
	}
	again, err := market.OpenUsage(both.Envelopes())
	if err != nil || again.Hash == acked(2).Hash || again.UsageNote != acked(2).UsageNote || again.Buyer != buyer.Self() {
		t.Errorf("%+v, %v", again, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a receipt that was never verified was signed")
		}
	}()
	buyer.SignReceipt(&market.SignedReceipt{BySupplier: "x"})
}

// Each is what a liar could send with this very encoder.
func TestDealsOutOfBounds(t *testing.T) {
	hold := func(f func(*market.RequestHold)) market.Message {
		m := *everyMessage()[17].(*market.RequestHold)
		terms := *m.Terms
		m.Terms = &terms
		f(&m)
		return &m
	}
	note, receipt, deal := acked(2), received(), agreed()
	long := strings.Repeat("x", 2000)
	for name, m := range map[string]market.Message{
		"hold without ref":       hold(func(m *market.RequestHold) { m.Ref = 0 }),
		"hold of no image":       hold(func(m *market.RequestHold) { m.Image = "" }),
		"hold of a long image":   hold(func(m *market.RequestHold) { m.Image = long }),
		"hold of nothing":        hold(func(m *market.RequestHold) { m.Resources = market.Resources{} }),
		"hold of too much":       hold(func(m *market.RequestHold) { m.Resources.CPU = market.MaxCPU + 1 }),
		"hold of many ports":     hold(func(m *market.RequestHold) { m.Ports = make([]market.Port, market.MaxPorts+1) }),
		"hold of many pids":      hold(func(m *market.RequestHold) { m.Pids = 1<<20 + 1 }),
		"hold for no lease":      hold(func(m *market.RequestHold) { m.Term = 0 }),
		"hold for a long lease":  hold(func(m *market.RequestHold) { m.Term = market.MaxTerm + time.Second }),
		"a long hold":            hold(func(m *market.RequestHold) { m.For = market.HoldTime + time.Second }),
		"a hold of before":       hold(func(m *market.RequestHold) { m.For = -time.Second }),
		"hold at odd terms":      hold(func(m *market.RequestHold) { m.Terms.Price.Unit = "" }),
		"grant of no hold":       &market.GrantHold{Ref: 1, Hold: &market.SignedHold{}},
		"grant without ref":      &market.GrantHold{Hold: seller.Hold(testHold())},
		"grant by another":       &market.GrantHold{Ref: 1, Hold: stranger.Hold(testHold())},
		"no hold":                &market.ReleaseHold{},
		"no note":                &market.ReportUsage{Note: &market.SignedUsage{}},
		"ack of nothing":         &market.AckUsage{Lease: note.Lease, Seq: 2},
		"ack of no lease":        &market.AckUsage{Seq: 2, Reason: market.Disputed},
		"ack of no number":       &market.AckUsage{Lease: note.Lease, Reason: market.Disputed},
		"ack without signature":  &market.AckUsage{Lease: note.Lease, Seq: 2, Note: seller.Usage(testUsage(2))},
		"ack with a reason":      &market.AckUsage{Lease: note.Lease, Seq: 2, Note: note, Reason: market.Disputed},
		"ack of another lease":   &market.AckUsage{Lease: filled(1), Seq: 2, Note: note},
		"ack of another number":  &market.AckUsage{Lease: note.Lease, Seq: 1, Note: note},
		"wordy ack":              &market.AckUsage{Lease: note.Lease, Seq: 2, Reason: market.Disputed, Detail: long},
		"no notice":              &market.GiveNotice{Notice: &market.SignedNotice{}},
		"notice of no unit":      &market.AckNotice{Seq: 1},
		"notice of no number":    &market.AckNotice{Unit: filled(1)},
		"no receipt":             &market.IssueReceipt{Receipt: &market.SignedReceipt{}},
		"signed nothing":         &market.SignReceipt{Lease: receipt.Lease},
		"signed for no lease":    &market.SignReceipt{Reason: market.Disputed},
		"not signed":             &market.SignReceipt{Lease: receipt.Lease, Receipt: seller.Receipt(testReceipt())},
		"signed with a reason":   &market.SignReceipt{Lease: receipt.Lease, Receipt: receipt, Reason: market.Disputed},
		"signed another":         &market.SignReceipt{Lease: filled(1), Receipt: receipt},
		"wordy signature":        &market.SignReceipt{Lease: receipt.Lease, Reason: market.Disputed, Detail: long},
		"no settlement":          &market.ProposeSettlement{Settlement: &market.SignedSettlement{}},
		"answer of nothing":      &market.AnswerSettlement{ID: deal.ID},
		"answer to nothing":      &market.AnswerSettlement{Reason: market.Disputed},
		"answer unsigned":        &market.AnswerSettlement{ID: deal.ID, Settlement: buyer.Settlement(testSettlement())},
		"answer with a reason":   &market.AnswerSettlement{ID: deal.ID, Settlement: deal, Reason: market.Disputed},
		"answer to another":      &market.AnswerSettlement{ID: filled(1), Settlement: deal},
		"wordy answer":           &market.AnswerSettlement{ID: deal.ID, Reason: market.Disputed, Detail: long},
		"refusal with no offer":  &market.Refusal{Reason: market.PriceChanged, Offer: &market.SignedOffer{Envelope: []byte("x")}},
		"refusal, other's offer": &market.Refusal{Reason: market.PriceChanged, Offer: stranger.Offer(testOffer())},
		"unit of a want":         &market.GetOffers{Region: testRegion(), Want: market.Want{Unit: "a b"}},
		"long unit of a want":    &market.GetOffers{Region: testRegion(), Want: market.Want{Unit: strings.Repeat("x", market.MaxUnit+1)}},
		"price of a want":        &market.GetOffers{Region: testRegion(), Want: market.Want{MaxPrice: market.MaxAmount + 1}},
	} {
		b, err := market.EncodeMessage(m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := market.DecodeMessage(b); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: decoded %+v, %v", name, got, err)
		}
	}
}

// A message that makes its reader verify a hundred signatures is refused at the
// second one.
func TestSignaturesStandOnce(t *testing.T) {
	twice := func(number byte, f []byte) []byte {
		return append([]byte{0x08, number}, newField(2, append(bytes.Clone(f), f...))...)
	}
	pair := func(number int, a, b []byte) []byte {
		return newField(number, append(newField(1, a), newField(2, b)...))
	}
	for name, b := range map[string][]byte{
		"holds":               twice(19, newField(2, seller.Hold(testHold()).Envelope)),
		"notes":               twice(21, newField(1, bySupplier(acked(1)))),
		"acknowledgements":    twice(22, pair(3, bySupplier(acked(1)), byBuyer(acked(1)))),
		"notices":             twice(23, newField(1, seller.Notice(testNotice()).Envelope)),
		"receipts":            twice(25, newField(1, bySupplier(received()))),
		"signed receipts":     twice(26, pair(2, bySupplier(received()), byBuyer(received()))),
		"proposals":           twice(27, newField(1, agreed().Proposal)),
		"answers":             twice(28, pair(2, agreed().Proposal, agreed().Answer)),
		"offers of a refusal": twice(12, newField(6, seller.Offer(testOffer()).Envelope)),
	} {
		if m, err := market.DecodeMessage(b); !errors.Is(err, market.ErrMalformed) || !strings.Contains(err.Error(), "stands twice") {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// What is optional may be missing.
func TestSparseDealsRoundTrip(t *testing.T) {
	free := testHold()
	free.Terms, free.Hourly, free.Ports = nil, 0, nil
	for _, m := range []market.Message{
		&market.RequestHold{Ref: 1, Resources: testLease().Resources, Image: "x", Term: time.Second},
		&market.GrantHold{Ref: 1, Hold: seller.Hold(free)},
		&market.ReportUsage{Note: seller.Usage(market.UsageNote{Lease: filled(1), Seq: 1})},
		&market.GiveNotice{Notice: seller.Notice(market.Notice{Lease: filled(1), Unit: filled(1), Seq: 1})},
	} {
		got, err := market.DecodeMessage(encode(t, m))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T:\n got %+v, %v\nwant %+v", m, got, err, m)
		}
	}
}

// The newest note is the acknowledged one most of the time, and then is
// written, and verified, once.
func TestMeterSharesItsNote(t *testing.T) {
	m := &market.Meter{Unit: filled(1), Lease: filled(2), Note: seller.Usage(testUsage(2)), Acked: acked(2)}
	apart := &market.Meter{Unit: filled(1), Lease: filled(2), Note: seller.Usage(testUsage(3)), Acked: acked(2)}
	b := market.EncodeRecord(m)
	if whole := market.EncodeRecord(apart); len(b) > len(whole)*3/4 {
		t.Errorf("%d bytes, apart %d", len(b), len(whole))
	}
	r, err := market.DecodeRecord(market.BoughtMeterTable, b)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.(*market.Meter); got.Note != got.Acked || !reflect.DeepEqual(got.Acked, acked(2)) {
		t.Errorf("%+v", got)
	}
	// Written apart, they are one again, too.
	loose := append(newField(1, b[2:34]), newField(2, b[2:34])...)
	loose = append(loose, newField(3, newField(1, bySupplier(acked(2))))...)
	loose = append(loose, newField(4, append(newField(1, bySupplier(acked(2))), newField(2, byBuyer(acked(2)))...))...)
	if r, err := market.DecodeRecord(market.SoldMeterTable, loose); err != nil || r.(*market.Meter).Note != r.(*market.Meter).Acked {
		t.Errorf("%+v, %v", r, err)
	}
	only := &market.Meter{Unit: filled(1), Lease: filled(2), Acked: acked(2)}
	if r, err := market.DecodeRecord(market.BoughtMeterTable, market.EncodeRecord(only)); err != nil || !reflect.DeepEqual(r, only) {
		t.Errorf("no note: %+v, %v", r, err)
	}
}

func TestBadDealRecords(t *testing.T) {
	owing := &market.Meter{Unit: filled(1), Lease: filled(2)}
	for range market.MaxOwing + 1 {
		owing.Owing = append(owing.Owing, received())
	}
	rich := testAccount()
	rich.Balances = make([]market.Balance, market.MaxBalances+1)
	forged := *acked(2)
	forged.ByBuyer = acked(1).ByBuyer
	for name, r := range map[string]market.Record{
		"meter of no unit":    &market.Meter{Lease: filled(2)},
		"meter of no lease":   &market.Meter{Unit: filled(1), Sold: true},
		"unsigned ack":        &market.Meter{Unit: filled(1), Lease: filled(2), Acked: seller.Usage(testUsage(2))},
		"forged ack":          &market.Meter{Unit: filled(1), Lease: filled(2), Acked: &forged},
		"forged note":         &market.Meter{Unit: filled(1), Lease: filled(2), Note: &market.SignedUsage{BySupplier: "x"}},
		"owing":               owing,
		"account of nobody":   &market.Account{},
		"account of all":      rich,
		"entry of nobody":     &market.Entry{Index: 1, Kind: market.EntryLease, First: []byte("x")},
		"entry of no number":  &market.Entry{Peer: filled(1), Kind: market.EntryLease, First: []byte("x")},
		"entry of no kind":    &market.Entry{Peer: filled(1), Index: 1, First: []byte("x")},
		"entry of nothing":    &market.Entry{Peer: filled(1), Index: 1, Kind: market.EntryLease},
		"forged hold":         &market.Reserved{Hold: stranger.Hold(testHold())},
		"no hold":             &market.Reserved{Hold: &market.SignedHold{}},
		"tomb of nothing":     &market.Tomb{Buyer: filled(1)},
		"settlement of none":  &market.Proposed{Settlement: &market.SignedSettlement{}},
		"stranger's proposal": &market.Proposed{Settlement: stranger.Settlement(testSettlement())},
	} {
		table, _ := r.Key()
		if got, err := market.DecodeRecord(table, market.EncodeRecord(r)); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// Nothing at all is a record of no table but that of the sequence number.
func TestEmptyRecords(t *testing.T) {
	for table := range market.HomeTable + 2 {
		if r, err := market.DecodeRecord(table, nil); (err == nil) != (table == market.SeqTable) {
			t.Errorf("table %d: %+v, %v", table, r, err)
		}
	}
}

// Entries of a peer follow each other in the store, whatever their number.
func TestEntriesAreInOrder(t *testing.T) {
	var last [32]byte
	for _, i := range []uint64{1, 2, 255, 256, 1 << 32, 1<<64 - 1} {
		_, key := (&market.Entry{Peer: buyer.Self(), Index: i}).Key()
		if bytes.Compare(last[:], key[:]) >= 0 {
			t.Errorf("entry %d does not follow", i)
		}
		last = key
	}
}

// What is covered by an entry's hash is everything in it.
func TestEntryHashCoversAll(t *testing.T) {
	entry := func() *market.Entry {
		return &market.Entry{Peer: filled(1), Index: 2, At: 3, Kind: 4, First: []byte("5"), Second: []byte("6"), Prev: filled(7)}
	}
	seen := map[[32]byte]string{market.EntryHash(entry()): "none"}
	for name, f := range map[string]func(*market.Entry){
		"peer":   func(e *market.Entry) { e.Peer[0]++ },
		"index":  func(e *market.Entry) { e.Index++ },
		"date":   func(e *market.Entry) { e.At++ },
		"kind":   func(e *market.Entry) { e.Kind++ },
		"first":  func(e *market.Entry) { e.First[0]++ },
		"second": func(e *market.Entry) { e.Second = nil },
		"moved":  func(e *market.Entry) { e.First, e.Second = []byte("56"), nil },
		"prev":   func(e *market.Entry) { e.Prev[31]++ },
	} {
		e := entry()
		f(e)
		h := market.EntryHash(e)
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[h] = name
	}
}
