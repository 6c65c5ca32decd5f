package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newLedger(a *app) *cobra.Command {
	return group("ledger", "See what this node and its counterparties owe each other",
		"  caravela ledger balance\n  caravela ledger ls cedar\n  caravela ledger verify",
		newLedgerLs(a), newLedgerBalance(a), newLedgerSettle(a), newLedgerCredit(a), newLedgerVerify(a), newLedgerExport(a))
}

func newLedgerLs(a *app) *cobra.Command {
	var quiet bool
	var from uint64
	var limit int
	cmd := &cobra.Command{
		Use:   "ls [PEER]",
		Short: "List the counterparties, or what both signed with one of them",
		Long: `Without a peer, lists the counterparties with which this node has dealt. With
one, lists the last entries of the log that is kept of it, oldest first: leases,
acknowledged usage notes, notices, receipts and settlements, each with who
signed it. Amounts of notes and receipts are totals since the lease's start.`,
		Example: `  caravela ledger ls
  caravela ledger ls cedar
  caravela ledger ls cedar --from 1 -n 1000 -o json`,
		Args:              needs(0, 1, "a peer, or nothing"),
		ValidArgsFunction: a.completePeers(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > api.MaxEntries {
				return fmt.Errorf("-n: %d is not a number from 1 to %d", limit, api.MaxEntries)
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				if len(args) == 1 {
					return a.entries(ctx, node, args[0], api.EntryOptions{From: from, Limit: limit})
				}
				list, err := node.Accounts(ctx)
				if err != nil {
					return err
				}
				if quiet {
					return printEach(a.out, list, func(x api.Account) string { return x.Peer })
				}
				return a.show(list, func(t *table) { accountTable(t, list) })
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&quiet, "quiet", "q", false, "print peer IDs only")
	f.Uint64Var(&from, "from", 0, "first entry to show (default the last ones)")
	f.IntVarP(&limit, "limit", "n", api.DefaultEntries, "most entries to show")
	return cmd
}

func (a *app) entries(ctx context.Context, node api.Backend, peer string, opts api.EntryOptions) error {
	p, err := node.Entries(ctx, api.NodeRef(peer), opts)
	if err != nil {
		return noPeer(err)
	}
	if err := a.show(p.Entries, func(t *table) { a.entryTable(t, &p) }); err != nil {
		return err
	}
	if p.Next > 0 {
		a.sayf("there are more: caravela ledger ls %s --from %d", peer, p.Next)
	}
	return nil
}

// noPeer adds what to try where a counterparty was not found.
func noPeer(err error) error {
	return advised(err, api.CodeNotFound, "caravela peer ls, or caravela node ls")
}

func (a *app) entryTable(t *table, p *api.EntryPage) {
	t.columns("ENTRY", "WHEN", "KIND", "LEASE", "AMOUNT", "SIGNED BY", "DETAIL", "+SEQ", "+CONTAINER ID", "+HASH")
	for _, e := range p.Entries {
		seq := ""
		if e.Seq > 0 {
			seq = uitoa(e.Seq)
		}
		t.row(uitoa(e.Index), a.clock(e.At), e.Kind, shortID(e.LeaseID), entryAmount(&e), signers(e.SignedBy, &p.Account), e.Detail,
			seq, shortID(e.ContainerID), shortID(e.Hash))
	}
}

// entryAmount is the money of an entry, of the kinds that are about money.
func entryAmount(e *api.Entry) string {
	switch e.Kind {
	case "usage", "receipt", "settlement":
	default:
		return ""
	}
	return money(e.AmountMicro, e.Unit)
}

// signers names who signed: the counterparty, or this node.
func signers(ids []string, peer *api.Account) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = "us"
		if id == peer.Peer {
			out[i] = nodeLabel(peer.Name, peer.Peer)
		}
	}
	return strings.Join(out, ", ")
}

func accountTable(t *table, list []api.Account) {
	t.columns("PEER", "NAME", "THEY OWE", "WE OWE", "MAY OWE", "LEASES", "ENTRIES", "+OPINION", "+REMARK", "+HEAD")
	for _, x := range list {
		t.row(shortID(x.Peer), x.Name, owed(x, receivable), owed(x, payable), creditText(x.Credit), leaseCounts(x),
			uitoa(x.Entries), opinion(x), x.Remark, shortID(x.Head))
	}
}

func receivable(b api.Balance) int64 { return b.ReceivableMicro }
func payable(b api.Balance) int64    { return b.PayableMicro }

// owed writes one side of an account, a part for each unit.
func owed(x api.Account, side func(api.Balance) int64) string {
	var parts []string
	for _, b := range x.Balances {
		if side(b) != 0 {
			parts = append(parts, money(side(b), b.Unit))
		}
	}
	return strings.Join(parts, ", ")
}

// creditText says how much a peer may owe this node.
func creditText(c api.Credit) string {
	switch c.Kind {
	case api.CreditUnlimited:
		return "anything"
	case api.CreditSet:
		return money(c.LimitMicro, c.Unit)
	}
	return brief(time.Duration(c.DefaultMS)*time.Millisecond) + " of its leases"
}

func leaseCounts(x api.Account) string {
	var parts []string
	if x.Bought > 0 {
		parts = append(parts, fmt.Sprintf("%d bought", x.Bought))
	}
	if x.Sold > 0 {
		parts = append(parts, fmt.Sprintf("%d sold", x.Sold))
	}
	return strings.Join(parts, ", ")
}

// opinion is what the user thinks of a peer.
func opinion(x api.Account) string {
	switch {
	case x.Blocked && x.Trusted:
		return "blocked, trusted"
	case x.Blocked:
		return "blocked"
	case x.Trusted:
		return "trusted"
	}
	return ""
}

func newLedgerBalance(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "balance [PEER]",
		Short: "Show what is owed, in both directions and each unit",
		Long: `Shows of each counterparty what it owes this node and what this node owes it,
and what both have added up to. Only what the other side has acknowledged with
its signature counts; LOST is what this node billed and nobody acknowledged.`,
		Example:           "  caravela ledger balance\n  caravela ledger balance cedar -o json",
		Args:              needs(0, 1, "a peer, or nothing"),
		ValidArgsFunction: a.completePeers(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				list, err := accounts(ctx, node, args)
				if err != nil {
					return err
				}
				return a.show(list, func(t *table) { balanceTable(t, list) })
			})
		},
	}
}

// accounts are those of the peers named, or all.
func accounts(ctx context.Context, node api.Backend, refs []string) ([]api.Account, error) {
	if len(refs) == 0 {
		return node.Accounts(ctx)
	}
	x, err := account(ctx, node, refs[0])
	return []api.Account{x}, err
}

// account is what is known of one peer.
func account(ctx context.Context, node api.Backend, ref string) (api.Account, error) {
	p, err := node.Entries(ctx, api.NodeRef(ref), api.EntryOptions{Limit: 1})
	return p.Account, noPeer(err)
}

func balanceTable(t *table, list []api.Account) {
	t.columns("PEER", "UNIT", "THEY OWE", "WE OWE", "EARNED", "SPENT", "PAID TO US", "PAID BY US", "LOST")
	var sums []api.Balance
	for _, x := range list {
		for _, b := range x.Balances {
			t.row(nodeLabel(x.Name, x.Peer), b.Unit, money(b.ReceivableMicro, ""), money(b.PayableMicro, ""), money(b.EarnedMicro, ""),
				money(b.SpentMicro, ""), money(b.SettledInMicro, ""), money(b.SettledOutMicro, ""), money(b.UnconfirmedMicro, ""))
			sums = addBalance(sums, b)
		}
	}
	for _, b := range sums {
		t.footer += fmt.Sprintf("in all: they owe %s, we owe %s\n", money(b.ReceivableMicro, b.Unit), money(b.PayableMicro, b.Unit))
	}
}

// addBalance sums what is owed, by unit.
func addBalance(sums []api.Balance, b api.Balance) []api.Balance {
	i := slices.IndexFunc(sums, func(s api.Balance) bool { return s.Unit == b.Unit })
	if i < 0 {
		return append(sums, b)
	}
	sums[i].ReceivableMicro += b.ReceivableMicro
	sums[i].PayableMicro += b.PayableMicro
	return sums
}
