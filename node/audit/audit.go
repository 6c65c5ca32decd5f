package audit

import (
	"context"
	"runtime"
	"sync"

	"caravela/ledger"
	"caravela/market"
)

// Logs is what an audit reads: a store.Store.
type Logs interface {
	Entries(p market.PeerID, from uint64, limit int) ([]*market.Entry, error)
}

// chunk is how many entries are in memory at once.
const chunk = 1024

// Log replays the log that self keeps of an account's peer, up to the entry
// that the account counts. The error is a *ledger.BadEntry when the log is
// wrong, and another one when it could not be read.
func Log(ctx context.Context, self market.PeerID, network market.NetworkID, logs Logs, account *market.Account) (ledger.Report, error) {
	a := ledger.NewAudit(self, network, account)
	err := Each(ctx, logs, account, ledger.Open, a.Add)
	if err != nil {
		return ledger.Report{Peer: account.Peer}, err
	}
	return a.Finish()
}

// Each calls f for every entry of a log in its order, after open, which several
// goroutines call at once. It ends with the first error, or with ctx.
func Each(ctx context.Context, logs Logs, account *market.Account, open func(*market.Entry) ledger.Item, f func(ledger.Item) error) error {
	for from := uint64(1); from <= account.Entries; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		entries, err := logs.Entries(account.Peer, from, int(min(chunk, account.Entries-from+1)))
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return nil // shorter than the account says, which Finish finds
		}
		for _, item := range openAll(entries, open) {
			if err := f(item); err != nil {
				return err
			}
		}
		last := entries[len(entries)-1]
		from = last.Index + last.Span()
	}
	return nil
}

// openAll opens entries on all cores.
func openAll(entries []*market.Entry, open func(*market.Entry) ledger.Item) []ledger.Item {
	items := make([]ledger.Item, len(entries))
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(entries))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(entries); i += workers {
				items[i] = open(entries[i])
			}
		})
	}
	wg.Wait()
	return items
}
