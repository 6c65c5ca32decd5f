package trader

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"caravela/market"
)

// someOffer differs from others in all that a request can ask for.
func someOffer(r *rand.Rand, p market.PeerID) *market.SignedOffer {
	o := market.Offer{Supplier: p,
		Free: market.Resources{CPU: market.MilliCPU(r.IntN(4) * 500), Memory: market.Bytes(r.IntN(4)) * market.MiB, Disk: market.Bytes(r.IntN(3))},
		Wares: &market.Wares{Platform: market.Platform{OS: "linux", Arch: "amd64"}, Class: market.CPUClass(r.IntN(3)),
			Reach: market.Reach(r.IntN(4)), PortLow: 10, PortHigh: uint16(r.IntN(30))}}
	if r.IntN(3) == 0 {
		o.Labels = []market.Label{{Key: "region", Value: "eu"}}
	}
	if r.IntN(100) == 0 {
		o.Longest = time.Duration(r.IntN(3)) * time.Hour
	}
	if r.IntN(3) == 0 {
		o.Terms = &market.Terms{Price: market.Price{Unit: "credit", Core: market.Micro(r.IntN(3))}, Interval: time.Minute}
	}
	return &market.SignedOffer{Offer: o}
}

func someWant(r *rand.Rand) market.Want {
	return market.Want{Need: market.Resources{CPU: market.MilliCPU(r.IntN(4) * 500), Memory: market.Bytes(r.IntN(4)) * market.MiB, Disk: market.Bytes(r.IntN(3))},
		Class: market.CPUClass(r.IntN(3)), Term: time.Duration(r.IntN(3)) * time.Hour}
}

func somePeer(r *rand.Rand) (p market.PeerID) {
	p[3], p[31] = byte(r.IntN(8)), byte(r.IntN(16))
	return p
}

// TestSieve: what is read of briefs alone is what Tally.Look says, whatever a
// request asks for. The wishes are found by reflection, so that a new one
// cannot be forgotten.
func TestSieve(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	wishes := reflect.TypeFor[market.Want]().NumField()
	plains := 0
	for n := range 1000 {
		var s shelf
		for range r.IntN(40) {
			p := somePeer(r)
			i, known := s.find(p)
			if !known {
				s.insert(i, held{refreshAt: time.Hour, expires: time.Duration(1 + r.IntN(4))})
			}
			s.set(i, someOffer(r, p))
		}
		w := someWant(r)
		fill(r, reflect.ValueOf(&w).Elem().Field(n%wishes))
		got, want := market.Tally{}, market.Tally{}
		now := time.Duration(r.IntN(4)) // some have lapsed, at times
		v := newSieve(now, &s, market.RootRegion(market.Platform{OS: "linux", Arch: "amd64"}), &w, &got)
		next := v.next(&s, 0)
		for i := range s.rest {
			if now >= s.rest[i].expires {
				continue
			}
			if fits := want.Look(&w, &s.rest[i].offer.Offer); (i == next) != fits {
				t.Fatalf("%+v on %+v: fits is %v", w, s.rest[i].offer.Offer, !fits)
			}
			if i == next {
				next = v.next(&s, i+1)
			}
		}
		v.finish(&s)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: tally\n%+v, want\n%+v", w, got, want)
		}
		if v.plain {
			plains++
		}
	}
	if plains < 250 {
		t.Errorf("only %d of 1000 requests were plain", plains)
	}
}

// fill gives a wish any value that means something.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct, reflect.Array:
		return // needs and platforms are drawn before; On is tried elsewhere
	case reflect.Slice:
		switch v.Interface().(type) {
		case []market.Constraint:
			v.Set(reflect.ValueOf([]market.Constraint{{Key: "region", Value: "eu"}}))
		case []uint16:
			v.Set(reflect.ValueOf([]uint16{20}))
		case []market.PeerID:
			v.Set(reflect.ValueOf([]market.PeerID{somePeer(r)}))
		default:
			panic("a wish that is not tried: " + v.Type().String())
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("EUR")
	case reflect.Uint8:
		v.SetUint(r.Uint64N(3))
	default:
		v.SetInt(r.Int64N(3))
	}
}

// TestSieveOn: only one supplier is asked for, or one that the platform does
// not serve.
func TestSieveOn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var s shelf
	for i := range 8 {
		s.insert(i, held{refreshAt: time.Hour, expires: time.Hour})
		s.set(i, someOffer(r, market.PeerID{byte(i + 1)}))
	}
	root := market.RootRegion(market.Platform{OS: "linux", Arch: "amd64"})
	for name, w := range map[string]market.Want{
		"node": {On: market.PeerID{3}}, "other platform": {Platform: market.Platform{OS: "plan9", Arch: "arm"}},
	} {
		var got, want market.Tally
		v := newSieve(0, &s, root, &w, &got)
		next := v.next(&s, 0)
		for i := range s.rest {
			if (i == next) != want.Look(&w, &s.rest[i].offer.Offer) {
				t.Errorf("%s: offer %d", name, i)
			}
			if i == next {
				next = v.next(&s, i+1)
			}
		}
		if v.finish(&s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: tally %+v, want %+v", name, got, want)
		}
	}
}

// TestShelf walks at random and compares with a plain list.
func TestShelf(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var s shelf
	var list []held
	at := func(p market.PeerID) (int, bool) {
		return slices.BinarySearchFunc(list, p, func(h held, p market.PeerID) int { return h.offer.Supplier.Compare(p) })
	}
	for range 20_000 {
		p := somePeer(r)
		i, known := s.find(p)
		if j, k := at(p); i != j || k != known {
			t.Fatalf("%v is at %d, %v, want %d, %v", p, i, known, j, k)
		}
		if known && r.IntN(3) == 0 {
			s.remove(i)
			list = slices.Delete(list, i, i+1)
		} else {
			if !known {
				s.insert(i, held{})
				list = slices.Insert(list, i, held{})
			}
			s.set(i, someOffer(r, p))
			s.rest[i].refreshAt = time.Duration(r.IntN(1000))
			s.rest[i].expires = s.rest[i].refreshAt + time.Duration(r.IntN(20)) - 10
			s.redated(i)
			list[i] = s.rest[i]
		}
		compareShelf(t, &s, list, time.Duration(r.IntN(300)), r.IntN(len(list)+1))
	}
}

func compareShelf(t *testing.T, s *shelf, list []held, now time.Duration, end int) {
	t.Helper()
	due, bound, last := market.Never, 0, -1
	for i := range list {
		due = min(due, list[i].date())
		if list[i].offer.Longest > 0 {
			bound++
		}
		if i < end && list[i].date() <= now {
			last = i
		}
	}
	if s.due() != due || s.bound != bound || s.count() != len(list) {
		t.Fatalf("due %v, bound %d, count %d; want %v, %d, %d", s.due(), s.bound, s.count(), due, bound, len(list))
	}
	if got := s.dueBefore(now, end); got != last {
		t.Fatalf("the last one that is due at %v, before %d, is %d; want %d", now, end, got, last)
	}
}
