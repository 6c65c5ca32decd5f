package market_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

func encode(t testing.TB, m market.Message) []byte {
	t.Helper()
	b, err := market.EncodeMessage(m)
	if err != nil {
		t.Fatalf("%T: %v", m, err)
	}
	return b
}

func messageName(m market.Message) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "*market.")
}

func TestMessagesRoundTrip(t *testing.T) {
	for _, m := range append(everyMessage(), laterForms()...) {
		got, err := market.DecodeMessage(encode(t, m))
		if err != nil {
			t.Errorf("%T: %v", m, err)
		} else if !reflect.DeepEqual(got, m) {
			t.Errorf("%T:\n got %+v\nwant %+v", m, got, m)
		}
	}
}

func laterForms() (list []market.Message) {
	for _, m := range laterMessages() {
		list = append(list, m.Message)
	}
	return list
}

// Whoever adds a message adds it to the fixtures, and so to every test here,
// and tells of it in the manual.
func TestEveryMessageIsTested(t *testing.T) {
	source, err := os.ReadFile("messages.go")
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, m := range everyMessage() {
		tested[messageName(m)] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^func \(\*(\w+)\) message\(\)`).FindAllStringSubmatch(string(source), -1) {
		if !tested[m[1]] {
			t.Errorf("%s is not among the fixtures", m[1])
		}
		if !strings.Contains(string(manual), "\n// "+m[1]+" ") {
			t.Errorf("doc.go has no paragraph that begins with %s", m[1])
		}
		delete(tested, m[1])
	}
	if len(tested) > 0 {
		t.Errorf("no longer messages: %v", tested)
	}
}

// What is optional may be missing.
func TestSparseMessagesRoundTrip(t *testing.T) {
	root := market.RootRegion(market.Platform{OS: "linux", Arch: "arm64"})
	first := granted()
	for _, m := range []market.Message{
		&market.CreateOffer{Offer: seller.Offer(testOffer()), Region: root},
		&market.OfferAck{Region: root},
		&market.RefreshAck{Region: root},
		&market.GetOffers{Region: root},
		&market.Offers{Region: root},
		&market.AdvertiseOffersNeighbor{Summary: market.Summary{Region: root}},
		&market.LaunchContainer{Lease: buyer.Lease(renewal(first))},
		&market.Grant{Lease: seller.Countersign(buyer.Lease(renewal(first)))},
		&market.Refusal{},
		&market.StopContainer{},
		&market.StopAck{},
		&market.StatusUpdate{Status: seller.Status(market.Status{Lease: first.ID, Seq: 1})},
		&market.StatusAck{},
	} {
		got, err := market.DecodeMessage(encode(t, m))
		if err != nil {
			t.Errorf("%T: %v", m, err)
		} else if !reflect.DeepEqual(got, m) {
			t.Errorf("%T:\n got %+v\nwant %+v", m, got, m)
		}
	}
}

// "The container's own grace" is any negative one, and must not arrive as
// none at all.
func TestSmallDurationsKeepTheirSign(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		-1: -time.Millisecond, 0: 0, 1: time.Millisecond, 2*time.Millisecond + 1: 2 * time.Millisecond,
	} {
		m, err := market.DecodeMessage(encode(t, &market.StopContainer{Grace: d}))
		if err != nil || m.(*market.StopContainer).Grace != want {
			t.Errorf("%v arrives as %v, %v", d, m, err)
		}
	}
}

// A message that is cut off anywhere is refused; none of them is a prefix of
// another valid one, because the body's length stands before it.
func TestTruncatedMessages(t *testing.T) {
	for _, m := range everyMessage() {
		whole := encode(t, m)
		for n := range whole {
			if _, err := market.DecodeMessage(whole[:n]); err == nil && n > 2 {
				t.Errorf("%T: %d of %d bytes were accepted", m, n, len(whole))
			}
		}
	}
}

// One flipped bit never panics, and never changes what is signed.
func TestDamagedMessages(t *testing.T) {
	for _, m := range []market.Message{
		&market.StatusUpdate{Status: seller.Status(testStatus(filled(9)))},
		&market.RefreshOffer{Seq: 7, Region: testRegion(), Code: market.AckSplit},
		&market.Offers{Ref: 9, Region: testRegion(), Tally: testTally(), Hints: []market.Hint{{Summary: testSummary(), Traders: []market.Ref{testRef(2)}}}},
	} {
		whole := encode(t, m)
		for i := range whole {
			damaged := bytes.Clone(whole)
			damaged[i] ^= 0x40
			got, err := market.DecodeMessage(damaged)
			if err != nil {
				if !errors.Is(err, market.ErrMalformed) {
					t.Errorf("%T, byte %d: %v does not wrap ErrMalformed", m, i, err)
				}
				continue
			}
			if u, ok := got.(*market.StatusUpdate); ok && !reflect.DeepEqual(u.Status.Status, m.(*market.StatusUpdate).Status.Status) {
				t.Errorf("byte %d: a damaged status was believed", i)
			}
		}
	}
}

func TestEncodeRefusesTooLargeMessages(t *testing.T) {
	m := &market.Offers{Region: testRegion()}
	for range 2000 {
		m.Offers = append(m.Offers, market.OfferAt{Offer: seller.Offer(testOffer())})
	}
	if _, err := market.EncodeMessage(m); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("EncodeMessage = %v", err)
	}
	if _, err := market.DecodeMessage(make([]byte, market.MaxMessage+1)); !errors.Is(err, market.ErrMalformed) {
		t.Errorf("DecodeMessage = %v", err)
	}
}

// Each case is what a liar could send with this very encoder.
func TestMessagesOutOfBounds(t *testing.T) {
	offer := seller.Offer(testOffer())
	region := testRegion()
	want := func(f func(*market.Want)) market.Message {
		w := testWant()
		f(&w)
		return &market.GetOffers{Region: region, Want: w}
	}
	answer := func(f func(*market.Offers)) market.Message {
		m := &market.Offers{Region: region, Tally: testTally()}
		f(m)
		return m
	}
	spec := func(f func(*market.Spec)) market.Message {
		s := testSpec()
		f(s)
		l := testLease()
		l.SpecHash = market.HashSpec(s)
		return &market.LaunchContainer{Lease: buyer.Lease(l), Spec: s}
	}
	long := strings.Repeat("x", 2000)
	for name, m := range map[string]market.Message{
		"no offer":            &market.CreateOffer{Offer: &market.SignedOffer{}, Region: region},
		"no offer, update":    &market.UpdateOffer{Offer: &market.SignedOffer{}, Region: region},
		"no region":           &market.CreateOffer{Offer: offer},
		"bad region":          &market.UpdateOffer{Offer: offer, Region: market.Region{Platform: region.Platform, Shard: 1}},
		"peaks":               &market.AdvertiseOffersNeighbor{Summary: market.Summary{Region: region, Peaks: make([]market.Point, market.MaxPeaks+1)}},
		"depth":               &market.RefreshOffer{Region: market.Region{Platform: region.Platform, Depth: 25}},
		"shard of the root":   &market.RemoveOffer{Region: market.Region{Platform: region.Platform, Shard: 1}},
		"platform":            &market.RefreshAck{Region: market.Region{Platform: market.Platform{OS: "Linux", Arch: "amd64"}}},
		"long platform":       &market.RefreshAck{Region: market.Region{Platform: market.Platform{OS: long, Arch: "amd64"}}},
		"replicas":            &market.CreateOffer{Offer: offer, Region: region, Replicas: make([]market.PeerID, market.MaxRefs+1)},
		"above":               &market.CreateOffer{Offer: offer, Region: region, Above: make([]market.Ref, market.MaxRefs+1)},
		"addresses":           &market.CreateOffer{Offer: offer, Region: region, At: market.Ref{Addrs: make([]string, market.MaxAddrs+1)}},
		"long address":        &market.CreateOffer{Offer: offer, Region: region, At: market.Ref{Addrs: []string{long}}},
		"max":                 &market.GetOffers{Region: region, Max: market.MaxOffers + 1},
		"negative max":        &market.GetOffers{Region: region, Max: -1},
		"need":                want(func(w *market.Want) { w.Need.CPU = market.MaxCPU + 1 }),
		"negative need":       want(func(w *market.Want) { w.Need.Memory = -1 }),
		"wanted platform":     want(func(w *market.Want) { w.Platform.OS = "L" }),
		"constraints":         want(func(w *market.Want) { w.Constraints = make([]market.Constraint, market.MaxConstraints+1) }),
		"constraint":          want(func(w *market.Want) { w.Constraints[0].Value = long }),
		"ports":               want(func(w *market.Want) { w.Ports = make([]uint16, market.MaxPorts+1); fill(w.Ports, 80) }),
		"term":                want(func(w *market.Want) { w.Term = -time.Second }),
		"exclude":             want(func(w *market.Want) { w.Exclude = make([]market.PeerID, market.MaxExclude+1) }),
		"offers":              answer(func(m *market.Offers) { m.Offers = make33(offer) }),
		"offer without bytes": answer(func(m *market.Offers) { m.Offers = []market.OfferAt{{Offer: &market.SignedOffer{}}} }),
		"hints":               answer(func(m *market.Offers) { m.Hints = make([]market.Hint, market.MaxHints+1) }),
		"hint without region": answer(func(m *market.Offers) { m.Hints = make([]market.Hint, 1) }),
		"hint's traders": answer(func(m *market.Offers) {
			m.Hints = []market.Hint{{Summary: testSummary(), Traders: make([]market.Ref, market.MaxRefs+1)}}
		}),
		"misses":               answer(func(m *market.Offers) { m.Tally.Misses = make([]market.Miss, market.MaxMisses+1) }),
		"miss' detail":         answer(func(m *market.Offers) { m.Tally.Misses[0].Detail = long }),
		"miss' best":           answer(func(m *market.Offers) { m.Tally.Misses[0].Best = -1 << 63 }),
		"nearest's name":       answer(func(m *market.Offers) { m.Tally.Near.Name = long }),
		"nearest has":          answer(func(m *market.Offers) { m.Tally.Near.Have = -1 << 63 }),
		"summary":              &market.AdvertiseOffersNeighbor{},
		"no lease":             &market.LaunchContainer{Lease: &market.SignedLease{}, Spec: testSpec()},
		"no spec":              &market.LaunchContainer{Lease: buyer.Lease(testLease())},
		"spec in a renewal":    &market.LaunchContainer{Lease: buyer.Lease(renewal(granted())), Spec: testSpec()},
		"another spec":         &market.LaunchContainer{Lease: buyer.Lease(testLease()), Spec: &market.Spec{Image: "x", Limits: testSpec().Limits}},
		"impossible spec":      spec(func(s *market.Spec) { s.Limits.Memory = 1 }),
		"long command":         spec(func(s *market.Spec) { s.Command = make([]string, market.MaxSpecStrings+1) }),
		"large spec":           spec(func(s *market.Spec) { s.Command = []string{strings.Repeat("x", market.MaxSpecBytes)} }),
		"auth":                 &market.LaunchContainer{Lease: buyer.Lease(testLease()), Spec: testSpec(), Auth: strings.Repeat("x", market.MaxAuth+1)},
		"grant of no lease":    &market.Grant{Lease: &market.SignedLease{}},
		"grant unsigned":       &market.Grant{Lease: buyer.Lease(testLease())},
		"refusal's detail":     &market.Refusal{Detail: long},
		"operation":            &market.StopContainer{Op: 200},
		"signal":               &market.StopContainer{Signal: long},
		"stop's detail":        &market.StopAck{Detail: long},
		"no status":            &market.StatusUpdate{Status: &market.SignedStatus{}},
		"status' detail":       &market.StatusUpdate{Status: seller.Status(market.Status{Lease: filled(9), Seq: 1, Detail: long})},
		"status' ports":        &market.StatusUpdate{Status: seller.Status(market.Status{Lease: filled(9), Seq: 1, Ports: make([]market.Binding, 2*market.MaxPorts+1)})},
		"status' date":         &market.StatusUpdate{Status: seller.Status(market.Status{Lease: filled(9), Seq: 1, At: 1 << 60})},
		"status without lease": &market.StatusUpdate{Status: seller.Status(market.Status{Seq: 1})},
		"status without seq":   &market.StatusUpdate{Status: seller.Status(market.Status{Lease: filled(9)})},
	} {
		b, err := market.EncodeMessage(m)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := market.DecodeMessage(b); !errors.Is(err, market.ErrMalformed) && !errors.Is(err, market.ErrBadSpec) {
			t.Errorf("%s: decoded %+v, %v", name, got, err)
		}
	}
}

func fill(ports []uint16, v uint16) {
	for i := range ports {
		ports[i] = v
	}
}

func make33(o *market.SignedOffer) []market.OfferAt {
	list := make([]market.OfferAt, market.MaxOffers+1)
	for i := range list {
		list[i].Offer = o
	}
	return list
}

// Bytes that no encoder writes, by hand: number is the message type.
func TestHandMadeMessages(t *testing.T) {
	msg := func(number byte, body ...byte) []byte {
		return append([]byte{0x08, number, 0x12, byte(len(body))}, body...)
	}
	offer := seller.Offer(testOffer()).Envelope
	twice := newField(1, offer)
	twice = append(twice, twice...)
	for name, b := range map[string][]byte{
		"empty":                   {},
		"type 0":                  msg(0),
		"type of the future":      msg(99),
		"no type":                 {0x12, 0x00},
		"fixed64":                 {0x09, 1, 2, 3, 4, 5, 6, 7, 8},
		"fixed32":                 msg(16, 0x15, 1, 2, 3, 4),
		"group":                   msg(17, 0x0b),
		"field 0":                 msg(17, 0x00, 0x00),
		"huge field":              msg(17, 0x80, 0x80, 0x80, 0x80, 0x10, 0x00),
		"endless number":          msg(16, 0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
		"number for bytes":        msg(16, 0x08, 1),
		"bytes for a number":      msg(16, 0x12, 1, 1),
		"number for a message":    msg(3, 0x10, 1),
		"number for an offer":     msg(5, 0x10, 1, 0x08, 0),
		"short ID":                msg(16, 0x0a, 2, 1, 2),
		"bool of 2":               msg(7, 0x28, 2),
		"length beyond the end":   msg(16, 0x0a, 0x7f),
		"an empty OfferAt":        msg(8, append(regionField(2), 0x1a, 0x00)...),
		"port 0 in a want":        msg(7, append(regionField(2), 0x1a, 2, 0x28, 0)...),
		"two offers in one field": append([]byte{0x08, 1}, newField(2, append(twice, regionField(3)...))...),
	} {
		if m, err := market.DecodeMessage(b); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: decoded %+v, %v", name, m, err)
		}
	}
}

// newField is a length-delimited field.
func newField(number int, value []byte) []byte {
	b := []byte{byte(number<<3 | 2)}
	for n := len(value); ; n >>= 7 {
		if n < 0x80 {
			b = append(b, byte(n))
			break
		}
		b = append(b, byte(n)|0x80)
	}
	return append(b, value...)
}

// regionField is the root of linux/amd64 as a field.
func regionField(number int) []byte {
	return newField(number, newField(1, []byte("\x0a\x05linux\x12\x05amd64")))
}

func TestEncodePanicsOnNoMessage(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	market.EncodeMessage(nil)
}

// Fields of a later version are skipped wherever they stand.
func TestMessagesWithLaterFields(t *testing.T) {
	for _, m := range everyMessage() {
		b := encode(t, m)
		b = append(b, 0xf8, 0x7f, 1) // field 2047 beside the body
		got, err := market.DecodeMessage(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%T: %+v, %v", m, got, err)
		}
	}
	later := append([]byte{0x08, 17}, newField(2, []byte{0x08, 1, 0x12, 1, 'x'})...)
	if _, err := market.DecodeMessage(later); err != nil {
		t.Errorf("a goodbye with later fields: %v", err)
	}
}
