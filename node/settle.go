package node

import (
	"context"
	"time"

	"caravela/market"
)

// settleWait is how long a command that was carried out waits for the status
// that says so: it travels beside the answer, and may come a little later.
const settleWait = 2 * time.Second

// settle waits until a unit is seen to be what a command has made of it, so
// that a `ps` straight after it tells no older story. before is what was known
// when the command was given; nil = nothing.
func (n *Node) settle(ctx context.Context, cmd *market.StopContainer, before *market.SignedStatus) {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	for {
		b, over, changed := n.board.boughtUnit(cmd.Unit)
		if over || settled(cmd, before, b.Status) {
			return
		}
		select {
		case <-changed:
		case <-n.loop.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// settled reports whether a status is what a command leads to. A process that
// was started may have ended again; one that got a signal may live on.
func settled(cmd *market.StopContainer, before, now *market.SignedStatus) bool {
	if now == nil {
		return before == nil
	}
	switch cmd.Op {
	case market.OpStart:
		return now.State.Live() || before != nil && now.Seq > before.Seq && stopped(now.State)
	case market.OpRestart:
		return now.State.Live()
	case market.OpStop:
		return stopped(now.State)
	case market.OpKill:
		switch cmd.Signal {
		case "", "KILL", "SIGKILL", "9":
			return stopped(now.State)
		}
	}
	return true
}
