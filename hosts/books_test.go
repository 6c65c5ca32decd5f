//go:build hosts

package hosts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"caravela/api"
)

// unit is what the suites' prices are counted in.
const unit = "credit"

// priced are settings of a supplier that bills every second: a core costs 3.6
// an hour, which is a thousandth a second, and nothing else costs anything. So
// an amount tells how many core-seconds were billed.
func priced(more ...string) []string {
	flags := []string{"--offer", small}
	for _, s := range append([]string{
		"price.unit=" + unit, "price.core=3.6", "lease.interval=1s", "credit.unknown=24h",
	}, more...) {
		flags = append(flags, "--set", s)
	}
	return flags
}

// microASecond is what a core costs by priced.
const microASecond = 1000

// Client talks to the node without a process for each question.
func (n *Node) Client() *api.Client {
	c, err := api.New(n.socket(), "")
	if err != nil {
		panic(err) // no address that socket gives is wrong
	}
	return c
}

// ID is the node's peer ID, which is asked for once. A name is known to others
// only after they have met in this life.
func (n *Node) ID(ctx context.Context) (string, error) {
	if n.id != "" {
		return n.id, nil
	}
	c := n.Client()
	defer c.Close()
	status, err := c.Status(ctx)
	n.id = status.ID
	return n.id, err
}

// alive reports whether the node serves, and has joined its network.
func (n *Node) alive(ctx context.Context) error {
	select {
	case <-n.ended:
		return errors.New("the process has ended")
	default:
	}
	c := n.Client()
	defer c.Close()
	status, err := c.Status(ctx)
	if err == nil && status.State != api.NodeReady {
		err = fmt.Errorf("%s is %s", n.Name, status.State)
	}
	return err
}

// balance is what n's account with the peer says.
func (n *Node) balance(ctx context.Context, peer *Node) (api.Balance, error) {
	c := n.Client()
	defer c.Close()
	id, err := peer.ID(ctx)
	if err != nil {
		return api.Balance{}, err
	}
	list, err := c.Accounts(ctx)
	if err != nil {
		return api.Balance{}, err
	}
	for _, a := range list {
		i := slices.IndexFunc(a.Balances, func(b api.Balance) bool { return b.Unit == unit })
		if a.Peer == id && i >= 0 {
			return a.Balances[i], nil
		}
	}
	return api.Balance{Unit: unit}, nil
}

// sameTotals says whether both ledgers hold the same to be due.
func sameTotals(ctx context.Context, seller, buyer *Node) error {
	at, err := seller.balance(ctx, buyer)
	if err != nil {
		return err
	}
	by, err := buyer.balance(ctx, seller)
	if err != nil {
		return err
	}
	if at.EarnedMicro != by.SpentMicro || at.ReceivableMicro != by.PayableMicro {
		return fmt.Errorf("%s has earned %d of %s, which has spent %d", seller.Name, at.EarnedMicro, buyer.Name, by.SpentMicro)
	}
	return nil
}

// totalsFollow says whether the seller's ledger keeps up with the buyer's,
// while leases run: nothing counts for the seller that the buyer has not
// signed, and what the buyer signs arrives.
func (m *market) totalsFollow(seller, buyer *Node) {
	m.Helper()
	before, err := seller.balance(m.ctx, buyer)
	m.check(err)
	signed, err := buyer.balance(m.ctx, seller)
	m.check(err)
	if before.EarnedMicro > signed.SpentMicro {
		m.Errorf("%s has earned %d, of which %s has signed %d", seller.Name, before.EarnedMicro, buyer.Name, signed.SpentMicro)
	}
	m.eventually("what the buyer has signed counts for the seller", func() error {
		after, err := seller.balance(m.ctx, buyer)
		if err == nil && after.EarnedMicro < signed.SpentMicro {
			err = fmt.Errorf("%s has signed %d, of which %s has %d", buyer.Name, signed.SpentMicro, seller.Name, after.EarnedMicro)
		}
		return err
	})
}

// deal is what one log says of one lease.
type deal struct {
	lease, container string
	from, to         time.Time // of its first and last entry
	amount           int64     // the last total
	closed           bool      // both have signed the receipt
	reason           string    // of the end, from the receipt
}

// deals reads the log that n keeps of the peer.
func (n *Node) deals(ctx context.Context, peer *Node) ([]*deal, error) {
	c := n.Client()
	defer c.Close()
	id, err := peer.ID(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]*deal{}
	for from := uint64(1); from != 0; {
		page, err := c.Entries(ctx, api.NodeRef(id), api.EntryOptions{From: from, Limit: api.MaxEntries})
		if err != nil {
			return nil, fmt.Errorf("%s: the log of %s: %w", n.Name, peer.Name, err)
		}
		for _, e := range page.Entries {
			if err := note(found, e); err != nil {
				return nil, fmt.Errorf("%s: the log of %s: entry %d: %w", n.Name, peer.Name, e.Index, err)
			}
		}
		from = page.Next
	}
	byDate := func(a, b *deal) int { return a.from.Compare(b.from) }
	return slices.SortedFunc(maps.Values(found), byDate), nil
}

func note(found map[string]*deal, e api.Entry) error {
	d := found[e.LeaseID]
	switch {
	case e.Kind == "lease" && d != nil:
		return fmt.Errorf("lease %s stands twice", e.LeaseID)
	case e.Kind == "lease":
		found[e.LeaseID] = &deal{lease: e.LeaseID, container: e.ContainerID, from: e.At, to: e.At}
		return nil
	case d == nil: // a notice or an end, which name the container, or what was thinned
		return nil
	}
	d.to = e.At
	switch e.Kind {
	case "usage", "receipt":
		if e.Kind == "usage" && len(e.SignedBy) < 2 { // never acknowledged, and due to nobody
			return nil
		}
		if e.AmountMicro < d.amount {
			return fmt.Errorf("%s of %d after %d", e.Kind, e.AmountMicro, d.amount)
		}
		d.amount = e.AmountMicro
	}
	if e.Kind == "receipt" {
		d.closed, d.reason = len(e.SignedBy) == 2, e.Detail
	}
	return nil
}

// verified runs the audit, as a user does.
func (m *market) verified(nodes ...*Node) {
	m.Helper()
	for _, n := range nodes {
		m.must(n, "ledger", "verify")
	}
}
