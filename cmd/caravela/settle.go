package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"caravela/api"
)

// settleFlags hold what `caravela ledger settle` was given.
type settleFlags struct {
	amount, unit, reference string
	received, list          bool
	accept                  []string
}

func newLedgerSettle(a *app) *cobra.Command {
	var s settleFlags
	cmd := &cobra.Command{
		Use:   "settle PEER --amount AMOUNT | --ls | --accept ID",
		Short: "Write down, with both signatures, that a debt was paid",
		Long: `Caravela moves no money. When a debt was paid outside of it, by an invoice, in
kind or by being waived, this takes it off both ledgers with both signatures.

Without --received it says that this node has paid what it owes: the peer's user
agrees with --accept. With --received it says that the peer has paid what it
owes to this node: the peer's node agrees by itself. What waits for somebody's
agreement is listed by --ls.`,
		Example: `  caravela ledger settle cedar --amount 12.5 --ref "invoice 12"
  caravela ledger settle cedar --amount all --received
  caravela ledger settle --ls
  caravela ledger settle --accept 7c1e88`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completePeers(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.check(cmd, args); err != nil {
				return err
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				switch {
				case s.list:
					return a.showSettlements(node.Settlements(ctx))
				case len(s.accept) > 0:
					return a.acceptSettlements(ctx, node, s.accept)
				}
				return a.settle(ctx, node, args[0], s)
			})
		},
	}
	cmd.DisableFlagsInUseLine = true
	f := cmd.Flags()
	f.StringVar(&s.amount, "amount", "", "how much was paid, such as 12.5, or all that is owed")
	f.StringVar(&s.unit, "unit", "", "unit of the amount (default the one that is owed)")
	f.StringVar(&s.reference, "ref", "", `how it was paid, such as "invoice 12", for both ledgers`)
	f.BoolVar(&s.received, "received", false, "the peer has paid this node, not this node the peer")
	f.BoolVar(&s.list, "ls", false, "list the settlements that wait for an agreement")
	f.StringArrayVar(&s.accept, "accept", nil, "agree to a settlement that a peer has proposed (repeatable)")
	_ = cmd.RegisterFlagCompletionFunc("accept", a.completeSettlements())
	return cmd
}

// check refuses flags that contradict each other.
func (s *settleFlags) check(cmd *cobra.Command, args []string) error {
	proposes := s.amount != "" || s.unit != "" || s.reference != "" || s.received || len(args) > 0
	switch {
	case s.list && len(s.accept) > 0, proposes && (s.list || len(s.accept) > 0):
		return advise(errors.New("a peer with --amount, --ls and --accept exclude each other"), "%s --help", cmd.CommandPath())
	case s.list || len(s.accept) > 0:
		return nil
	case len(args) != 1:
		return needs(1, 1, "a peer")(cmd, args)
	case s.amount == "":
		return advise(errors.New("--amount is missing: how much was paid?"), "caravela ledger settle %s --amount all", args[0])
	}
	return nil
}

func (a *app) settle(ctx context.Context, node api.Backend, peer string, s settleFlags) error {
	req := api.SettleRequest{Unit: s.unit, Received: s.received, Reference: s.reference}
	var err error
	if s.amount == "all" {
		req.AmountMicro, req.Unit, err = allOwed(ctx, node, peer, s)
	} else {
		req.AmountMicro, req.Unit, err = parseMoney("--amount", s.amount, s.unit)
	}
	if err == nil && req.AmountMicro == 0 {
		err = errors.New("--amount: a debt is more than 0")
	}
	if err != nil {
		return err
	}
	done, err := node.Settle(ctx, api.NodeRef(peer), req)
	if err != nil {
		if api.CodeOf(err) == api.CodeNotFound {
			return noPeer(err)
		}
		return advise(err, "caravela ledger balance %s; what waits is listed by caravela ledger settle --ls", peer)
	}
	return a.tellSettlement(done)
}

// allOwed is a whole debt. Of several units one must be named.
func allOwed(ctx context.Context, node api.Backend, peer string, s settleFlags) (int64, string, error) {
	x, err := account(ctx, node, peer)
	if err != nil {
		return 0, "", err
	}
	side := payable
	if s.received {
		side = receivable
	}
	var found []api.Balance
	for _, b := range x.Balances {
		if side(b) > 0 && (s.unit == "" || s.unit == b.Unit) {
			found = append(found, b)
		}
	}
	next := "caravela ledger balance " + peer
	switch {
	case len(found) > 1:
		return 0, "", advise(fmt.Errorf("--amount all: %s are owed", owed(x, side)), "the same with --unit %s", found[0].Unit)
	case len(found) == 0 && s.received:
		return 0, "", advise(fmt.Errorf("%s owes this node nothing", peer), "%s", next)
	case len(found) == 0:
		return 0, "", advise(fmt.Errorf("this node owes %s nothing", peer), "%s", next)
	}
	return side(found[0]), found[0].Unit, nil
}

func (a *app) acceptSettlements(ctx context.Context, node api.Backend, ids []string) error {
	return a.eachOf(ctx, ids, func(id string) error {
		s, err := node.AcceptSettlement(ctx, id)
		if err != nil {
			return advised(err, api.CodeNotFound, "caravela ledger settle --ls")
		}
		return a.tellSettlement(s)
	})
}

// tellSettlement says how far a settlement is, and prints its ID.
func (a *app) tellSettlement(s api.Settlement) error {
	who := nodeLabel(s.PeerName, s.Peer)
	switch {
	case s.State == api.SettlementSettled:
		a.sayf("%s", printable("settled: "+paid(s)+", signed by both"))
	case s.Received:
		a.sayf("%s\n%s agrees by itself, as soon as it answers", printable("proposed: "+paid(s)), printable(who))
	default:
		a.sayf("%s\n%s's user has to agree: caravela ledger settle --accept %s", printable("proposed: "+paid(s)), printable(who), shortID(s.ID))
	}
	if a.flags.output == "" && a.flags.format == "" {
		_, err := fmt.Fprintln(a.out, s.ID)
		return err
	}
	return a.showSettlements([]api.Settlement{s}, nil)
}

// paid says who paid how much to whom.
func paid(s api.Settlement) string {
	who, text := nodeLabel(s.PeerName, s.Peer), ""
	if s.Received {
		text = fmt.Sprintf("%s paid us %s", who, money(s.AmountMicro, s.Unit))
	} else {
		text = fmt.Sprintf("we paid %s %s", who, money(s.AmountMicro, s.Unit))
	}
	if s.Reference != "" {
		text += " (" + s.Reference + ")"
	}
	return text
}

func (a *app) showSettlements(list []api.Settlement, err error) error {
	if err != nil {
		return err
	}
	return a.show(list, func(t *table) {
		t.columns("SETTLEMENT", "PEER", "WHAT", "STATE", "WHEN", "+REFERENCE")
		for _, s := range list {
			t.row(shortID(s.ID), nodeLabel(s.PeerName, s.Peer), paid(s), settlementState(s.State), a.clock(s.At), s.Reference)
		}
	})
}

func settlementState(s api.SettlementState) string {
	switch s {
	case api.SettlementProposed:
		return "waits for the peer"
	case api.SettlementAsked:
		return "waits for us: --accept"
	}
	return string(s)
}

// orElse is s, or another text where that is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
