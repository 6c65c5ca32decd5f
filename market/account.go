package market

// Entry is one line of the append-only log that a peer keeps about each of its
// counterparties: what was signed, in the order in which it became binding
// here. The hash of an entry covers the one before it.
type Entry struct {
	Peer   PeerID // the counterparty
	Index  uint64 // 1, 2, 3, ...
	At     Wall   // when it was written
	Kind   EntryKind
	First  []byte   // envelope of whoever signed first
	Second []byte   // envelope over the same payload by the other; nil when there is none
	Prev   [32]byte // EntryHash of entry Index-1; zero in the first
}

// EntryKind is what an entry's envelopes hold.
type EntryKind uint8

// The kinds of entries.
const (
	EntryLease      EntryKind = 1 // by buyer, by supplier
	EntryUsage      EntryKind = 2 // by supplier, by buyer; without the second: never acknowledged
	EntryNotice     EntryKind = 3 // by supplier
	EntryReceipt    EntryKind = 4 // by supplier; and by buyer, as an entry of its own, once it agreed
	EntrySettlement EntryKind = 5 // by whoever proposed it, by the other
	EntryEnd        EntryKind = 6 // a Status: Ended, by supplier
	EntryThinned    EntryKind = 7 // no envelope: it stands for entries that are not kept any more; see Thin
)

// String returns one word.
func (k EntryKind) String() string {
	return name(int(k), "unknown", "lease", "usage", "notice", "receipt", "settlement", "end", "thinned")
}

// Account is what a peer remembers of a counterparty beyond its leases.
type Account struct {
	Peer     PeerID
	Entries  uint64   // length of the log
	Head     [32]byte // EntryHash of the last entry
	Balances []Balance
	Limit    Limit
	Blocked  bool   // nothing is sold to it nor bought from it
	Trusted  bool   // sold to without a limit, unless there is one
	Remark   string // the user's own, at most MaxReference bytes
}

// Balance is the state of an account in one unit. All parts only grow.
type Balance struct {
	Unit        string
	Earned      Micro // acknowledged by the peer: it owes it to us
	Spent       Micro // acknowledged by us: we owe it to the peer
	SettledIn   Micro // of Earned, settled
	SettledOut  Micro // of Spent, settled
	Unconfirmed Micro // billed by us and never acknowledged: lost
}

// Receivable is what the peer owes us.
func (b Balance) Receivable() Micro { return b.Earned - b.SettledIn }

// Payable is what we owe the peer.
func (b Balance) Payable() Micro { return b.Spent - b.SettledOut }

// Limit is how much a peer may owe us.
type Limit struct {
	Set    bool // else the default for peers without a limit
	Amount Micro
	Unit   string
}

// Bounds of an account and of a meter. Whoever adds to them keeps them: a
// record beyond is not read again.
const (
	MaxBalances = 8 // units of one account
	MaxOwing    = 64
)

// Meter is a supplier's or buyer's memory of a metered lease's billing. It is
// kept apart from the unit's record, since it changes with every note. A
// supplier keeps one a unit; a buyer one a lease, until its receipt is signed
// by both and for a while after that.
type Meter struct {
	Unit    LeaseID
	Lease   LeaseID // the lease in force
	Sold    bool    // the supplier's; else the buyer's
	Note    *SignedUsage
	Acked   *SignedUsage   // the newest with both signatures; nil before the first
	Receipt *SignedReceipt // once the lease is over
	Notice  *SignedNotice  // the newest
	Heard   uint64         // the newest notice that was acknowledged
	Seen    Wall           // when Acked was signed here, by this peer's clock
	// Owing are receipts of this unit's leases that a renewal has replaced, as
	// long as not both have signed them: at most MaxOwing.
	Owing []*SignedReceipt
	// Past is a bought lease that was renewed, or whose unit is forgotten: what
	// the unit's own record does not tell any more.
	Past *SignedLease
}

func (*Entry) record()    {}
func (*Account) record()  {}
func (*Meter) record()    {}
func (*Reserved) record() {}

// Reserved is a supplier's memory of a hold that is neither leased nor over.
type Reserved struct{ Hold *SignedHold }

// Key implements Record: entries of one peer follow each other.
func (e *Entry) Key() (Table, [32]byte) {
	var k [32]byte
	copy(k[:24], e.Peer[:])
	for i := range 8 {
		k[24+i] = byte(e.Index >> (56 - 8*i))
	}
	return EntryTable, k
}

// Key implements Record.
func (a *Account) Key() (Table, [32]byte) { return AccountTable, a.Peer }

// Key implements Record.
func (m *Meter) Key() (Table, [32]byte) {
	if m.Sold {
		return SoldMeterTable, m.Unit
	}
	return BoughtMeterTable, m.Lease
}

// Key implements Record.
func (h *Reserved) Key() (Table, [32]byte) { return ReservedTable, h.Hold.ID }

// Proposed is a settlement that one of the two has signed so far. It is
// repeated by its proposer until it is answered; the other's user decides,
// unless it is the creditor who proposed it.
type Proposed struct{ Settlement *SignedSettlement }

func (*Proposed) record() {}

// Key implements Record.
func (p *Proposed) Key() (Table, [32]byte) { return ProposedTable, p.Settlement.ID }
