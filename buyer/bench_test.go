package buyer_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"caravela/buyer"
	"caravela/ledger"
	"caravela/market"
)

const noon market.Wall = 1_767_355_200_000

var (
	network = market.NetworkID{7}
	linux   = market.Platform{OS: "linux", Arch: "amd64"}
	root    = market.RootRegion(linux)
)

func keys(i byte) *market.Keyring {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = i
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed))
}

// ref names a trader, who signs nothing.
func ref(i int) market.Ref { return market.Ref{Peer: market.PeerID(market.KeyOf(string(rune(i))))} }

// seller names a supplier.
func seller(i byte) market.Ref { return market.Ref{Peer: keys(i).Self()} }

// bench drives one buyer and keeps what it saves.
type bench struct {
	*buyer.Buyer
	t      *testing.T
	params market.Params
	keys   *market.Keyring
	now    market.Time
	disk   map[[32]byte]*market.Bought
	rest   map[[32]byte]market.Record // bills and accounts; their keys do not collide
	log    []*market.Entry
	books  *ledger.Books
	seq    uint64
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, params: market.DefaultParams(network), keys: keys(0), disk: map[[32]byte]*market.Bought{}, rest: map[[32]byte]market.Record{},
		now: market.Time{Mono: time.Hour, Wall: noon}}
	b.boot()
	return b
}

// boot starts a new life from what the disk holds.
func (b *bench) boot() *market.Outbox {
	me := &market.Party{Self: b.keys.Self(), Params: &b.params, Seal: b.keys}
	books := ledger.New(me)
	m := buyer.New(me, &books, uint64(b.now.Mono), uint64(b.now.Mono))
	b.Buyer, b.books = &m, &books
	records := []market.Record{&market.Seq{Seq: 1}} // another role's
	for _, r := range b.disk {
		records = append(records, r)
	}
	for _, r := range b.rest {
		records = append(records, r)
	}
	books.Step(b.now, market.Boot{Records: records}, &market.Outbox{})
	return b.step(market.Boot{Records: records})
}

func (b *bench) step(ev market.Event) *market.Outbox {
	var out market.Outbox
	b.Step(b.now, ev, &out)
	b.save(&out)
	return &out
}

func (b *bench) save(out *market.Outbox) {
	for _, s := range out.Sends { // what others cannot read is not said
		data, err := market.EncodeMessage(s.Msg)
		if err == nil {
			_, err = market.DecodeMessage(data)
		}
		if err != nil {
			b.t.Errorf("sends %T: %v", s.Msg, err)
		}
	}
	for _, s := range out.Saves {
		_, id := s.Record.Key()
		switch r := s.Record.(type) {
		case *market.Entry:
			b.log = append(b.log, r)
		case *market.Bought:
			if b.disk[id] = r; s.Delete {
				delete(b.disk, id)
			}
		default:
			if b.rest[id] = r; s.Delete {
				delete(b.rest, id)
			}
		}
	}
}

func (b *bench) receive(from market.Ref, m market.Message) *market.Outbox {
	return b.step(market.Received{From: from, Msg: m})
}

// advance lets time pass and gathers what the ticks do.
func (b *bench) advance(d time.Duration) *market.Outbox {
	b.t.Helper()
	var out market.Outbox
	end := b.now.Mono + d
	for n := 0; b.Deadline() <= end; n++ {
		if n > 10_000 {
			b.t.Fatalf("the deadline stays at %v", b.Deadline())
		}
		b.pass(max(0, b.Deadline()-b.now.Mono))
		b.Step(b.now, market.Tick{}, &out)
	}
	b.pass(end - b.now.Mono)
	b.save(&out)
	return &out
}

// untilAsked lets time pass until traders are asked.
func (b *bench) untilAsked() []*market.GetOffers {
	b.t.Helper()
	for b.Deadline() != market.Never {
		if asked := sent[*market.GetOffers](b.advance(max(0, b.Deadline()-b.now.Mono))); len(asked) > 0 {
			return asked
		}
	}
	b.t.Fatal("nobody is asked")
	return nil
}

func (b *bench) pass(d time.Duration) {
	b.now.Mono += d
	b.now.Wall = b.now.Wall.Add(d)
}

// wanted is a request for a container of one core.
func wanted(change func(*market.Wanted)) market.Wanted {
	need := market.Resources{CPU: 1000, Memory: market.GiB}
	w := market.Wanted{Ref: 77, Spec: &market.Spec{Image: "web", Limits: need},
		Want: market.Want{Need: need, Platform: linux}, Replicas: 1, Auth: "secret"}
	if change != nil {
		change(&w)
	}
	return w
}

// search sends a request whose region's traders are known.
func (b *bench) search(change func(*market.Wanted), traders ...market.Ref) []*market.GetOffers {
	b.t.Helper()
	b.Learn(b.now, root, traders)
	asked := sent[*market.GetOffers](b.step(wanted(change)))
	if len(asked) != min(2, len(traders)) {
		b.t.Fatalf("asks %d traders", len(asked))
	}
	return asked
}

// offer is one of supplier i.
func (b *bench) offer(i byte, cpu market.MilliCPU) market.OfferAt {
	b.seq++
	r := market.Resources{CPU: cpu, Memory: 4 * market.GiB}
	return market.OfferAt{Addrs: []string{"/ip4/192.0.2.1"}, Offer: keys(i).Offer(market.Offer{Network: network, Supplier: keys(i).Self(), Seq: b.seq,
		Free: r, ValidUntil: b.now.Wall.Add(b.params.OfferTTL),
		Wares: &market.Wares{Total: market.Resources{CPU: 4000, Memory: 4 * market.GiB}, Platform: linux}})}
}

// choose makes a request that one trader answers with these offers.
func (b *bench) choose(change func(*market.Wanted), offers ...market.OfferAt) *market.Outbox {
	b.t.Helper()
	asked := b.search(change, ref(1))
	return b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Offers: offers, Trader: true})
}

// grant has supplier i sign.
func (b *bench) grant(i byte, l *market.SignedLease) *market.Outbox {
	return b.receive(seller(i), &market.Grant{Lease: keys(i).Countersign(l)})
}

// status has supplier i say something of a unit.
func (b *bench) status(i byte, u market.LeaseID, seq uint64, s market.State, why market.Reason) *market.Outbox {
	return b.receive(seller(i), &market.StatusUpdate{Status: keys(i).Status(market.Status{Lease: u, Seq: seq, State: s, Reason: why, At: b.now.Wall})})
}

// buy brings a container up at supplier i.
func (b *bench) buy(i byte, change func(*market.Wanted)) *market.SignedLease {
	b.t.Helper()
	l := launched(b.t, b.choose(change, b.offer(i, 4000)))[0].Lease
	b.grant(i, l)
	b.status(i, l.ID, 1, market.Running, market.NoReason)
	return l
}

func launched(t *testing.T, out *market.Outbox) []*market.LaunchContainer {
	t.Helper()
	list := sent[*market.LaunchContainer](out)
	if len(list) == 0 {
		t.Fatalf("launches nothing: %+v", out.Outcomes)
	}
	return list
}

// sent lists the messages of one type.
func sent[M market.Message](out *market.Outbox) (list []M) {
	for _, s := range out.Sends {
		if m, ok := s.Msg.(M); ok {
			list = append(list, m)
		}
	}
	return list
}

// told lists the outcomes of a kind.
func told(out *market.Outbox, k market.OutcomeKind) (list []market.Outcome) {
	for _, o := range out.Outcomes {
		if o.Kind == k {
			list = append(list, o)
		}
	}
	return list
}
