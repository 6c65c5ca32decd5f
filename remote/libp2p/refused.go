package libp2p

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	manet "github.com/multiformats/go-multiaddr/net"
)

var errRefused = errors.New("nothing listens there")

// unlessRefused returns a context for a dial that ends as soon as it is sure
// that nobody is there. libp2p would wait for QUIC, which a dead port leaves
// unanswered for seconds, although the same port's refusal of TCP has said
// everything. Only peers on this site are judged so; the others are behind
// too much that could refuse in their name.
func (h *Host) unlessRefused(ctx context.Context, p peer.ID) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if ports := h.localPorts(p); len(ports) > 0 {
		go func() {
			if allRefuse(ctx, ports) {
				cancel(errRefused)
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// quickHost is a libp2p host that does not wait for the dead.
type quickHost struct {
	host.Host
	h *Host
}

// Connect dials a peer, unless there is a connection.
func (q quickHost) Connect(ctx context.Context, ai peer.AddrInfo) error {
	q.Peerstore().AddAddrs(ai.ID, q.h.Filter(ai.Addrs), peerstore.TempAddrTTL)
	dialling, cancel := q.h.unlessRefused(ctx, ai.ID)
	defer cancel()
	err := q.Host.Connect(dialling, peer.AddrInfo{ID: ai.ID})
	if cause := context.Cause(dialling); err != nil && errors.Is(cause, errRefused) {
		return fmt.Errorf("dial %s: %w", ai.ID, errRefused)
	}
	return err
}

// localPorts returns where to knock, or nothing if p is connected, or may be
// reached otherwise.
func (h *Host) localPorts(p peer.ID) (ports []string) {
	if h.lib.Network().Connectedness(p) != network.NotConnected {
		return nil
	}
	hosts, knock := make(map[string]bool), make(map[string]bool)
	for _, a := range h.lib.Peerstore().Addrs(p) {
		if !h.horizon.permits(a) {
			continue
		}
		ip, ok := ipOf(a)
		if cl := classOf(a); !ok || isCircuit(a) || cl != classLoopback && cl != classPrivate {
			return nil
		}
		hosts[ip.String()] = true
		if na, err := manet.ToNetAddr(a); err == nil && na.Network() == "tcp" {
			knock[ip.String()] = true
			ports = append(ports, na.String())
		}
	}
	if len(hosts) != len(knock) {
		return nil
	}
	return ports
}

func allRefuse(ctx context.Context, ports []string) bool {
	var wg sync.WaitGroup
	refused := make([]bool, len(ports))
	for i, port := range ports {
		wg.Go(func() {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", port)
			if err == nil {
				c.Close()
			}
			refused[i] = errors.Is(err, syscall.ECONNREFUSED)
		})
	}
	wg.Wait()
	for _, r := range refused {
		if !r {
			return false
		}
	}
	return true
}
