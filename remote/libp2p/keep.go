package libp2p

import (
	"strconv"
	"sync"

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
