package audit

import (
	"context"
	"fmt"

	"caravela/ledger"
	"caravela/market"
)

// together is how many records Thin commits at once, about.
const together = 512

// Thin takes out of a log the usage notes that say nothing any more: those of
// leases whose receipt was signed by both before a date, but the last. It
// returns how many entries fewer there are. commit is called with a part at a
// time, each of which leaves a log that verifies; a node calls its store's
// Commit there, in the goroutine that alone may. Who reads the same log
// meanwhile may miss entries: verify before or after.
func Thin(ctx context.Context, logs Logs, account *market.Account, before market.Wall, commit func([]market.Save) error) (gone int, err error) {
	t := ledger.NewThinner(before)
	err = Each(ctx, logs, account, read, func(i ledger.Item) error { t.Add(i); return i.Err })
	if err != nil {
		return 0, fmt.Errorf("thin the log of %s: %w", account.Peer.Short(), err)
	}
	var part []market.Save
	for _, batch := range t.Saves() {
		part = append(part, batch...)
		gone += len(batch) - 1
		if len(part) < together {
			continue
		}
		if err := commit(part); err != nil {
			return 0, err
		}
		part = nil
	}
	if len(part) > 0 {
		err = commit(part)
	}
	return gone, err
}

// read opens an entry of this node's own log, which it need not verify.
func read(e *market.Entry) ledger.Item {
	o, err := market.ReadEntry(e)
	return ledger.Item{Entry: e, Hash: market.EntryHash(e), Opened: o, Err: err}
}
