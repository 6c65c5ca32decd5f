package ledger

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"caravela/market"
)

// Row is an entry as people read it.
type Row struct {
	Peer   market.PeerID
	Index  uint64
	At     market.Wall
	Kind   market.EntryKind
	Hash   [32]byte
	Unit   market.LeaseID  // of a lease, note, notice, receipt or end; else zero
	Lease  market.LeaseID  // of these, but an end, which is the unit's
	Amount market.Micro    // cumulative, of a note or receipt; of a settlement
	Label  string          // of money: the settlement's, or that of the lease's price
	Seq    uint64          // of a note, notice or end
	Signed []market.PeerID // in their order
	Detail string
}

// Rows reads a log for people. It remembers the leases that it has met, so as
// to know in what unit a note counts: give it a log from its beginning on.
type Rows struct {
	leases map[market.LeaseID]*market.SignedLease
}

// NewRows begins a log.
func NewRows() *Rows { return &Rows{leases: map[market.LeaseID]*market.SignedLease{}} }

// Row describes the next entry. An item that could not be opened says why.
func (r *Rows) Row(i Item) Row {
	e, o := i.Entry, i.Opened
	row := Row{Peer: e.Peer, Index: e.Index, At: e.At, Kind: e.Kind, Hash: i.Hash}
	switch {
	case i.Err != nil:
		row.Detail = "unreadable: " + i.Err.Error()
	case o.Lease != nil:
		l := o.Lease
		r.leases[l.ID] = l
		row.Lease, row.Unit, row.Signed = l.ID, l.Unit(), []market.PeerID{l.Buyer}
		if l.BySupplier != "" {
			row.Signed = append(row.Signed, l.Supplier)
		}
		row.Detail = fmt.Sprintf("%v of %s until %s", l.Resources, l.Image, day(l.End))
	case o.Usage != nil:
		n := o.Usage
		r.lease(&row, n.Lease)
		row.Seq, row.Amount, row.Signed = n.Seq, n.Amount, signers(n.By, n.Buyer)
		row.Detail = fmt.Sprintf("%v run, %v parked", seconds(n.Usage.Running), seconds(n.Usage.Parked))
		if n.ByBuyer == "" {
			row.Detail += ", never acknowledged"
		}
	case o.Notice != nil:
		n := o.Notice
		r.lease(&row, n.Lease)
		row.Unit, row.Seq, row.Signed = n.Unit, n.Seq, signers(n.By, market.PeerID{})
		row.Detail = fmt.Sprintf("%v, by %s: %s", n.Kind, day(n.Deadline), n.Detail)
	case o.Receipt != nil:
		c := o.Receipt
		r.lease(&row, c.Lease)
		row.Amount, row.Label, row.Signed = c.Amount, c.Price.Unit, signers(c.By, c.Buyer)
		row.Detail = fmt.Sprintf("%v, by %s; %v run", c.Reason, c.EndedBy.Short(), seconds(c.Usage.Running))
		if c.Early {
			row.Detail += ", ended early"
		}
	case o.Settlement != nil:
		s := o.Settlement
		row.Amount, row.Label, row.Signed = s.Amount, s.Unit, signers(s.By, s.Other())
		row.Detail = fmt.Sprintf("%s paid %s", s.Debtor.Short(), s.Creditor.Short())
		if s.Reference != "" {
			row.Detail += ": " + s.Reference
		}
	case e.Kind == market.EntryThinned:
		row.Detail = fmt.Sprintf("%d usage notes that later ones stand for", e.Span())
	case o.End != nil:
		row.Unit, row.Seq, row.Signed = o.End.Lease, o.End.Seq, signers(o.End.By, market.PeerID{})
		row.Detail = o.End.Reason.String()
	}
	return row
}

// lease fills in what a row's lease says.
func (r *Rows) lease(row *Row, id market.LeaseID) {
	if row.Lease = id; r.leases[id] != nil {
		row.Unit, row.Label = r.leases[id].Unit(), market.PriceOf(r.leases[id].Terms).Unit
	}
}

func signers(first, second market.PeerID) []market.PeerID {
	if second.IsZero() {
		return []market.PeerID{first}
	}
	return []market.PeerID{first, second}
}

func day(w market.Wall) string           { return w.Time().Format(time.RFC3339) }
func seconds(n uint64) (d time.Duration) { return time.Duration(n) * time.Second }

// CSV writes rows for a spreadsheet. Nothing that a peer has written can begin
// a formula there.
type CSV struct{ w *csv.Writer }

// NewCSV writes the heading.
func NewCSV(w io.Writer) (*CSV, error) {
	c := &CSV{csv.NewWriter(w)}
	return c, c.w.Write([]string{"peer", "index", "time", "kind", "container", "lease", "seq", "amount", "unit", "signed_by", "detail", "hash"})
}

// Write writes a row.
func (c *CSV) Write(r Row) error {
	var signed []string
	for _, p := range r.Signed {
		signed = append(signed, p.String())
	}
	id := func(l market.LeaseID) string {
		if l.IsZero() {
			return ""
		}
		return l.String()
	}
	amount := ""
	if r.Kind == market.EntryUsage || r.Kind == market.EntryReceipt || r.Kind == market.EntrySettlement {
		amount = r.Amount.String()
	}
	return c.w.Write([]string{
		r.Peer.String(), strconv.FormatUint(r.Index, 10), day(r.At), r.Kind.String(), id(r.Unit), id(r.Lease),
		strconv.FormatUint(r.Seq, 10), amount, r.Label, strings.Join(signed, " "), harmless(r.Detail), fmt.Sprintf("%x", r.Hash),
	})
}

// Flush writes what is buffered, and returns the first error of all.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// harmless keeps a spreadsheet from calculating with a peer's words.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
