package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"caravela/market"
	"caravela/node/audit"
)

// thinFirst is when a node that has started looks at its logs first: a machine
// that is never on for a whole day does it as well.
const (
	thinFirst = 10 * time.Minute
	thinEvery = 24 * time.Hour
)

// retention takes the usage notes out of the logs that a receipt of both has
// made superfluous for longer than Config.Keep.
func (n *Node) retention(ctx context.Context) {
	for wait := thinFirst; pause(ctx, wait); wait = thinEvery {
		if err := n.thin(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("the ledger stays as long as it is", "error", err)
		}
	}
}

func (n *Node) thin(ctx context.Context) error {
	var failed []error
	for _, a := range n.board.allAccounts() {
		for !n.logs.TryLock() { // Lock would have further readers wait for a slow one
			if !pause(ctx, time.Second) {
				return context.Cause(ctx)
			}
		}
		gone, err := n.thinLog(ctx, a.Peer)
		n.logs.Unlock()
		if gone > 0 {
			n.log.Info("ledger thinned", "peer", a.Peer.Short(), "entries", gone)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// thinLog commits on the loop's goroutine, between two of the machine's
// batches, while nobody reads the log from its beginning on. What fails leaves
// a log that verifies, and was not promised to anybody.
func (n *Node) thinLog(ctx context.Context, peer market.PeerID) (gone int, err error) {
	before := n.loop.Now().Wall.Add(-n.cfg.Keep)
	return audit.Thin(ctx, n.cfg.Store, n.board.account(peer), before, func(saves []market.Save) error {
		var err error
		if do := n.loop.Do(ctx, func(market.Time) { err = n.cfg.Store.Commit(saves) }); do != nil {
			return do
		}
		if err != nil {
			return fmt.Errorf("replace entries of the log of %s: %w", peer.Short(), err)
		}
		return nil
	})
}
