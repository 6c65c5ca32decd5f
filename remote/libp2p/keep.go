package libp2p

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// keep protects the connection to a peer from being trimmed while a stream
// uses it: libp2p's connection manager does not look at streams.
func (h *Host) keep(p peer.ID) (release func()) {
	tag := "stream-" + strconv.FormatUint(h.tags.Add(1), 10)
	h.lib.ConnManager().Protect(p, tag)
	return sync.OnceFunc(func() { h.lib.ConnManager().Unprotect(p, tag) })
}

// A peer with which messages are exchanged is worth more than one that only
// stands in the overlay's table, which counts for 5 or 10: up to mostUsed, one
// a message, and one less each minute. So a trader keeps its connections to
// its neighbours while many strangers ask it something.
const (
	usedTag  = "market"
	mostUsed = 20
)

// countUse prepares used.
func (h *Host) countUse(manager connmgr.ConnManager) error {
	decayer, ok := connmgr.SupportsDecay(manager)
	if !ok {
		return nil
	}
	tag, err := decayer.RegisterDecayingTag(usedTag, time.Minute, connmgr.DecayFixed(1), connmgr.BumpSumBounded(0, mostUsed))
	if err != nil {
		return fmt.Errorf("count what connections are used: %w", err)
	}
	h.uses = tag
	return nil
}

// used notes that a peer sent or took a message.
func (h *Host) used(p peer.ID) {
	if h.uses != nil {
		_ = h.uses.Bump(p, 1) // dropped while there are too many, and then it does not matter
	}
}

// ownedConduit is the opener's side of a stream: it ends with the context
// that it was opened with.
type ownedConduit struct {
	network.Stream
	stop    func() bool
	release func()
}

func (c *ownedConduit) Close() error {
	c.done()
	return c.Stream.Close()
}

func (c *ownedConduit) Reset() error {
	c.done()
	return c.Stream.Reset()
}

func (c *ownedConduit) done() {
	c.stop()
	c.release()
}
