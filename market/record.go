package market

// Record is what a peer must not forget. Records are keyed by table and ID;
// saving the same key again replaces.
//
//sumtype:decl
type Record interface {
	record()
	// Key returns the record's table and its key therein.
	Key() (Table, [32]byte)
}

// Table groups records.
type Table uint8

// The tables.
const (
	SoldTable   Table = 1 // what this peer sold
	BoughtTable Table = 2 // what this peer bought
	SeqTable    Table = 3 // one record: the offers' sequence number

	SoldMeterTable   Table = 4  // billing of what this peer sold
	BoughtMeterTable Table = 5  // and of what it bought
	AccountTable     Table = 6  // one record a counterparty
	ReservedTable    Table = 7  // holds that this peer gave
	TombTable        Table = 8  // launches that must not be granted any more
	EntryTable       Table = 9  // the logs; never loaded into memory as a whole
	ProposedTable    Table = 10 // settlements that wait for the second signature
	HomeTable        Table = 11 // one record: where the own offer was last

	LastTable = HomeTable // a store keeps all tables up to this one
)

// Sold is a supplier's memory of one unit.
type Sold struct {
	Lease   *SignedLease  // the newest of the chain, both signatures
	Spec    PackedSpec    // read when the container is started, or looked at
	Status  *SignedStatus // the newest; nil before the first
	Acked   uint64        // the newest status that the owner confirmed
	Stopped bool          // the owner wants it stopped
	Ending  Reason        // set once the lease is over and the container not yet removed
	Buyer   Ref
}

// Bought is a buyer's memory of one unit.
type Bought struct {
	Lease    *SignedLease // the newest; BySupplier is nil until granted
	Renewal  *SignedLease // asked for and not yet granted
	Spec     *Spec
	Status   *SignedStatus
	Undo     bool // not wanted any more: cancel until the supplier confirms
	Supplier Ref
	Offer    string // the supplier's node name
}

// Seq is the highest sequence number that an offer may have used.
type Seq struct{ Seq uint64 }

// Home is where the own offer stood when enough traders had it last: whoever
// comes back begins there, and looks for others meanwhile.
type Home struct {
	Region  Region
	Traders []Ref
}

// Tomb forbids a lease that was cancelled before it was seen, or is over.
type Tomb struct {
	Lease LeaseID
	Buyer PeerID
	Until Wall
}

func (*Tomb) record()   {}
func (*Sold) record()   {}
func (*Bought) record() {}
func (*Seq) record()    {}
func (*Home) record()   {}

// Key implements Record.
func (s *Sold) Key() (Table, [32]byte) { return SoldTable, s.Lease.Unit() }

// Key implements Record.
func (b *Bought) Key() (Table, [32]byte) { return BoughtTable, b.Lease.Unit() }

// Key implements Record.
func (t *Tomb) Key() (Table, [32]byte) { return TombTable, t.Lease }

// Key implements Record.
func (*Seq) Key() (Table, [32]byte) { return SeqTable, [32]byte{} }

// Key implements Record.
func (*Home) Key() (Table, [32]byte) { return HomeTable, [32]byte{} }
