package node

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"caravela/api"
	"caravela/ledger"
	"caravela/market"
)

// ExportLease implements api.Backend. A lease that is forgotten here is still
// in the log of its counterparty.
func (n *Node) ExportLease(ctx context.Context, ref api.LeaseRef, w io.Writer) error {
	a, err := n.agreement(ref)
	var b *ledger.Bundle
	peers := n.board.allAccounts()
	switch {
	case err == nil:
		b, peers = ledger.NewBundle(a.lease.Unit()), []*market.Account{n.board.account(a.other())}
	case api.CodeOf(err) == api.CodeNotFound:
		unit, found := n.pastUnit(ctx, string(ref), peers)
		if !found {
			return err
		}
		b = ledger.NewBundle(unit)
	default:
		return err
	}
	for _, x := range n.agreements(a.role, true) {
		b.AddLease(x.lease)
	}
	for _, p := range peers {
		err := n.eachEntry(ctx, p.Peer, func(i ledger.Item) error {
			if i.Err == nil {
				b.Take(i.Opened)
			}
			return i.Err
		})
		if err != nil {
			return err
		}
	}
	if a.status != nil {
		b.AddStatus(a.status)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// trustedItem opens an entry without verifying it.
func trustedItem(e *market.Entry) ledger.Item {
	o, err := market.ReadEntry(e)
	return ledger.Item{Entry: e, Opened: o, Err: err}
}

var errFound = errors.New("found")

// pastUnit finds the unit of a lease in the logs, by the beginning of its or
// the lease's ID.
func (n *Node) pastUnit(ctx context.Context, ref string, accounts []*market.Account) (unit market.LeaseID, found bool) {
	ref = strings.ToLower(ref)
	if len(ref) < 4 {
		return unit, false
	}
	for _, a := range accounts {
		err := n.eachEntry(ctx, a.Peer, func(i ledger.Item) error {
			l := i.Opened.Lease
			if l != nil && (strings.HasPrefix(l.ID.String(), ref) || strings.HasPrefix(l.Unit().String(), ref)) {
				unit = l.Unit()
				return errFound
			}
			return nil
		})
		if errors.Is(err, errFound) {
			return unit, true
		}
	}
	return unit, false
}

// ExportLedger implements api.Backend.
func (n *Node) ExportLedger(ctx context.Context, o api.ExportOptions, w io.Writer) error {
	list, err := n.audited(o.Peer)
	if err != nil {
		return err
	}
	c := csv.NewWriter(w)
	if err := c.Write([]string{"peer", "name", "index", "at", "kind", "lease", "container", "seq", "unit", "amount", "signed_by", "detail", "hash"}); err != nil {
		return err
	}
	for _, a := range list {
		name, words := n.nodeName(a.Peer), newWords()
		err := n.eachEntry(ctx, a.Peer, func(i ledger.Item) error {
			return c.Write(csvRow(a.Peer, name, words.entry(i.Entry)))
		})
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func csvRow(peer market.PeerID, name string, e api.Entry) []string {
	amount, seq := "", ""
	if e.AmountMicro != 0 {
		amount = market.Micro(e.AmountMicro).String()
	}
	if e.Seq != 0 {
		seq = strconv.FormatUint(e.Seq, 10)
	}
	return []string{
		peer.String(), plainCell(name), strconv.FormatUint(e.Index, 10), e.At.UTC().Format(time.RFC3339), e.Kind, e.LeaseID, e.ContainerID, seq,
		e.Unit, amount, strings.Join(e.SignedBy, " "), plainCell(e.Detail), e.Hash,
	}
}

// plainCell keeps another peer's words from being taken for a formula by a
// spreadsheet.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// hexOf is a hash in digits.
func hexOf(h [32]byte) string { return hex.EncodeToString(h[:]) }
