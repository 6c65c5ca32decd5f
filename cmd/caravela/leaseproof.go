package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/ledger"
)

func newLeaseExport(a *app) *cobra.Command {
	var file fileFlag
	cmd := &cobra.Command{
		Use:   "export LEASE",
		Short: "Write what proves a lease, and what is due for it, into one file",
		Long: `Writes all that buyer and supplier have signed about a container's leases:
leases, usage notes with their acknowledgements, notices, statuses, receipts and
settlements, but not the container's variables. Whoever gets the file can check
it with "caravela lease verify", without a node. It prints the file's name.`,
		Example:           "  caravela lease export web\n  caravela lease export web -o - | ssh judge caravela lease verify -",
		Args:              needs(1, 1, "a lease, or the name of its container"),
		ValidArgsFunction: a.completeLeases(1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := file.check(); err != nil {
				return err
			}
			return a.ask(cmd, 2*quick, func(ctx context.Context, node api.Backend) error {
				ref := api.LeaseRef(args[0])
				l, err := node.Lease(ctx, ref)
				if err != nil {
					return noLease(err)
				}
				return a.save(file, "lease-"+shortID(l.ContainerID)+".txt", func(w io.Writer) error { return node.ExportLease(ctx, api.LeaseRef(l.ID), w) })
			})
		},
	}
	file.register(cmd, "lease-ID.txt")
	return cmd
}

func newLeaseVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE...",
		Short: "Check an exported lease: every signature, every amount, every byte",
		Long: `Checks files of "caravela lease export" without a node and without a network,
and says what they prove; "-" reads standard input. The two peer IDs are public
keys: the file proves what their owners signed, not who they are. The exit code
is 1 when anything is wrong.`,
		Example: "  caravela lease verify lease-3f9a1c001122.txt\n  caravela lease verify -o json - < lease-3f9a1c001122.txt",
		Args:    needs(1, -1, "a file of caravela lease export"),
		RunE: func(cmd *cobra.Command, args []string) error {
			proofs := []leaseProof{}
			err := a.eachOf(cmd.Context(), args, func(name string) error {
				p, err := a.verifyLease(name)
				if err != nil && len(args) == 1 && errors.Is(err, ledger.ErrBundle) {
					err = fmt.Errorf("%s: %w", name, err) // of several, eachOf names each
				}
				if err != nil {
					return advise(err, "caravela lease export LEASE, for a file that is whole")
				}
				proofs = append(proofs, proofOf(name, p))
				return nil
			})
			if len(proofs) == 0 && err != nil {
				return err
			}
			return firstError(a.show(proofs, func(t *table) {
				for _, p := range proofs {
					proofTable(t, &p)
				}
			}), err)
		},
	}
}

// verifyLease reads and checks one file.
func (a *app) verifyLease(name string) (*ledger.Proof, error) {
	in := a.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, ledger.MaxBundle+1))
	if err != nil {
		return nil, err
	}
	return ledger.VerifyBundle(text)
}

// leaseProof is what a file proves.
type leaseProof struct {
	File        string        `json:"file"`
	Network     string        `json:"network_id"`
	ContainerID string        `json:"container_id"`
	Buyer       string        `json:"buyer"`    // peer ID
	Supplier    string        `json:"supplier"` // peer ID
	Leases      []provenLease `json:"leases"`   // oldest first
	State       string        `json:"state"`    // of the newest status; "" = none in the file
	Statuses    int           `json:"statuses"`
	Notices     int           `json:"notices"`
	Settlements []settled     `json:"settlements"` // that name these leases
}

// provenLease is one lease of a file, and what both have signed to be due.
type provenLease struct {
	ID           string        `json:"id"`
	Image        string        `json:"image"`
	Resources    api.Resources `json:"resources"`
	Terms        *api.Terms    `json:"terms"` // null = free and not metered
	Cost         api.Cost      `json:"cost"`
	StartsAt     time.Time     `json:"starts_at"`
	EndsAt       time.Time     `json:"ends_at"`
	Notes        int           `json:"notes"`
	RunningS     uint64        `json:"running_s"`
	ParkedS      uint64        `json:"parked_s"`
	AmountMicro  int64         `json:"amount_micro"`
	UnackedMicro int64         `json:"unacked_micro"` // noted beyond that
	Receipt      *api.Receipt  `json:"receipt"`       // null = the lease is not closed, as far as the file tells
}

// settled is a settlement in a file.
type settled struct {
	ID          string    `json:"id"`
	Debtor      string    `json:"debtor"` // peer ID
	AmountMicro int64     `json:"amount_micro"`
	Unit        string    `json:"unit"`
	Reference   string    `json:"reference"`
	At          time.Time `json:"at"`
}

func proofOf(name string, p *ledger.Proof) leaseProof {
	out := leaseProof{
		File: name, Network: p.Network.String(), ContainerID: p.Unit.String(), Buyer: p.Buyer.String(), Supplier: p.Supplier.String(),
		Leases: []provenLease{}, Statuses: len(p.Statuses), Notices: len(p.Notices), Settlements: []settled{},
	}
	for i := range p.Leases {
		out.Leases = append(out.Leases, provenOf(&p.Leases[i]))
	}
	if n := len(p.Statuses); n > 0 {
		out.State = p.Statuses[n-1].State.String()
	}
	for _, s := range p.Settlements {
		out.Settlements = append(out.Settlements, settled{
			ID: hex.EncodeToString(s.ID[:]), Debtor: s.Debtor.String(), AmountMicro: int64(s.Amount), Unit: s.Unit, Reference: s.Reference, At: s.At.Time(),
		})
	}
	return out
}

func provenOf(p *ledger.ProvenLease) provenLease {
	l := p.Lease
	out := provenLease{
		ID: l.ID.String(), Image: l.Image, Resources: api.ResourcesOf(l.Resources), Terms: api.TermsOf(l.Terms), Cost: api.CostOf(l.Terms, l.Resources, l.Term()),
		StartsAt: l.Start.Time(), EndsAt: l.End.Time(), Notes: p.Notes, AmountMicro: int64(p.Due()),
	}
	if p.Acked != nil {
		out.RunningS, out.ParkedS = p.Acked.Usage.Running, p.Acked.Usage.Parked
	}
	if p.Newest != nil {
		out.UnackedMicro = int64(p.Newest.Amount - p.Due())
	}
	if r := p.Receipt; r != nil {
		out.Receipt = &api.Receipt{
			LeaseID: r.Lease.String(), Unit: r.Price.Unit, AmountMicro: int64(r.Amount), RunningS: r.Usage.Running, ParkedS: r.Usage.Parked,
			NoteSeq: r.NoteSeq, StartedAt: r.Start.Time(), EndedAt: r.End.Time(), EndedBy: r.EndedBy.String(), Reason: r.Reason.String(),
			Early: r.Early, SignedBy: []string{r.By.String()},
		}
		if r.ByBuyer != "" {
			out.Receipt.SignedBy = append(out.Receipt.SignedBy, r.Buyer.String())
		}
	}
	return out
}

func proofTable(t *table, p *leaseProof) {
	t.row("File", p.File+": genuine and whole")
	when := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
	t.pair("Container", shortID(p.ContainerID)+"  in network "+shortID(p.Network))
	t.pair("Buyer", p.Buyer)
	t.pair("Supplier", p.Supplier)
	for _, l := range p.Leases {
		t.pair("Lease", shortID(l.ID)+"  "+amount(l.Resources)+" of "+l.Image)
		t.pair(" ", "from "+when(l.StartsAt)+" to "+when(l.EndsAt)+" UTC")
		t.pair(" ", "price: "+priceText(l.Terms))
		t.pair(" ", provenDue(&l))
		t.pair(" ", receiptText(l.Receipt, p))
	}
	for _, s := range p.Settlements {
		t.pair("Settled", detailed(money(s.AmountMicro, s.Unit)+" paid by the "+side(s.Debtor, p), s.Reference))
	}
}

// provenDue says what is due for a lease, and how that is known.
func provenDue(l *provenLease) string {
	if l.Cost.Unit == "" && l.Notes == 0 {
		return "free"
	}
	text := fmt.Sprintf("due: %s for %s, signed by both", money(l.AmountMicro, l.Cost.Unit), briefSeconds(l.RunningS))
	if l.ParkedS > 0 {
		text += " and " + briefSeconds(l.ParkedS) + " stopped"
	}
	if l.UnackedMicro > 0 {
		text += "; " + money(l.UnackedMicro, l.Cost.Unit) + " more by the supplier alone"
	}
	return text
}

func receiptText(r *api.Receipt, p *leaseProof) string {
	if r == nil {
		return "no receipt: the lease is not closed, or the file does not say"
	}
	text := "receipt by both"
	if len(r.SignedBy) < 2 {
		text = "receipt by the supplier alone"
	}
	text += ": ended by the " + side(r.EndedBy, p) + ", " + r.Reason
	if r.Early {
		text += ", before its time"
	}
	return text
}

// side is a peer's part in a lease.
func side(id string, p *leaseProof) string {
	switch id {
	case p.Buyer:
		return "buyer"
	case p.Supplier:
		return "supplier"
	}
	return "peer " + shortID(id)
}
