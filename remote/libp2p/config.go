package libp2p

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/pnet"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/market"
	"caravela/remote"
)

// Profile scales all limits at once.
type Profile uint8

// The profiles. Home is the default.
const (
	Home     Profile = iota // up to 128 connections, 256 MiB for buffers at the very most
	Server                  // up to 512 connections, 1 GiB
	LowPower                // up to 24 connections, 64 MiB
)

// Config describes a host. PrivateKey is required, the rest has defaults.
type Config struct {
	PrivateKey crypto.PrivKey // Ed25519; the node's identity

	// Listen holds the multiaddresses to listen on; each one must bind. nil
	// means TCP and QUIC on remote.DefaultPort of all IPv4 addresses, and of
	// all IPv6 addresses where the machine has IPv6. An empty list that is
	// not nil means: dial only.
	Listen []string

	PSK         []byte  // 32 bytes of a private network; then TCP only. nil = none
	AllowPublic bool    // deal with peers on public addresses, too; see Host.SetAllowPublic
	Profile     Profile // scales limits
	Version     string  // of caravela, for other nodes' eyes

	// Announce holds further multiaddresses at which others reach this node,
	// such as those of a router that forwards a port; without peer ID. Public
	// ones are told to others while peers on public addresses are welcome.
	Announce []string

	ConnectionsLow  int // connections that stay when there are too many; 0 = the profile's
	ConnectionsHigh int // connections that are too many; 0 = the profile's
	PeerRate        int // messages and streams a second from one peer, twice as many at once; 0 = the profile's

	// Deny refuses a peer on sight; nil denies nobody. Called concurrently.
	Deny func(market.PeerID) bool

	Codec remote.Codec // of messages; default remote.MarketCodec
	Log   *slog.Logger // nil = slog.Default()

	SendTimeout    time.Duration // of a Send or Ping whose context has no deadline; default 15 s
	ReadTimeout    time.Duration // for a whole message or header to arrive; default 10 s
	HandlerTimeout time.Duration // of the context given to Handler.Receive; default 30 s
	StrangerGrace  time.Duration // how long a peer without our protocols may stay; default 30 s
	PenaltyTime    time.Duration // how long a peer that sent garbage is refused; default 1 min

	// AssumeReachable spares the members the question whether they can dial
	// this node. For tests, and for nodes whose operator knows.
	AssumeReachable bool

	// Options are added to the host's own. Tests use them to replace the
	// network below.
	Options []libp2p.Option
	// NoResourceManager turns libp2p's limits off, for tests in virtual time.
	NoResourceManager bool

	judge func(ma.Multiaddr) class // for tests, which have no public addresses; nil = classOf
}

// DefaultConfig returns what a node at home uses. PrivateKey is still to be
// set.
func DefaultConfig() Config {
	return Config{
		Version:        "dev",
		Codec:          remote.MarketCodec(),
		Log:            slog.Default(),
		SendTimeout:    15 * time.Second,
		ReadTimeout:    10 * time.Second,
		HandlerTimeout: 30 * time.Second,
		StrangerGrace:  30 * time.Second,
		PenaltyTime:    time.Minute,
	}
}

// Validate reports the first impossible value.
func (c *Config) Validate() error {
	switch {
	case c.PrivateKey == nil || c.PrivateKey.Type() != crypto.Ed25519:
		return errors.New("libp2p: the private key must be an Ed25519 key")
	case c.Codec.Encode == nil || c.Codec.Decode == nil:
		return errors.New("libp2p: no codec")
	case c.PSK != nil && len(c.PSK) != 32:
		return fmt.Errorf("libp2p: a pre-shared key of %d bytes; want 32", len(c.PSK))
	case c.Profile > LowPower:
		return fmt.Errorf("libp2p: profile %d", c.Profile)
	}
	for _, d := range []time.Duration{c.SendTimeout, c.ReadTimeout, c.HandlerTimeout, c.StrangerGrace, c.PenaltyTime} {
		if d <= 0 {
			return fmt.Errorf("libp2p: timeout %v; start from DefaultConfig", d)
		}
	}
	if l := c.limits(); c.ConnectionsLow < 0 || l.high <= l.low {
		return fmt.Errorf("libp2p: closing begins at %d connections and ends at %d; want more than that", l.high, l.low)
	}
	if c.PeerRate < 0 {
		return fmt.Errorf("libp2p: %d messages a second", c.PeerRate)
	}
	if _, err := c.announce(); err != nil {
		return err
	}
	_, err := c.listen()
	return err
}

// announce returns the operator's own addresses.
func (c *Config) announce() (addrs []ma.Multiaddr, err error) {
	for _, s := range c.Announce {
		a, err := ma.NewMultiaddr(s)
		switch {
		case err != nil:
			return nil, fmt.Errorf("announced address %q: %w", s, err)
		case len(a) < 2 || classOf(a) == classNone:
			return nil, fmt.Errorf("announced address %s: it names no IP address or host, or no port", s)
		case isCircuit(a) || peerIn(a):
			return nil, fmt.Errorf("announced address %s: leave out what begins with /p2p", s)
		case c.PSK != nil && isQUIC(a):
			return nil, fmt.Errorf("announced address %s: a private network uses TCP only; leave this address out", s)
		}
		addrs = append(addrs, a)
	}
	if len(addrs) > maxAnnounced {
		return nil, fmt.Errorf("%d announced addresses; at most %d", len(addrs), maxAnnounced)
	}
	return addrs, nil
}

// maxAnnounced leaves room for what the host finds out by itself.
const maxAnnounced = 8

// listen returns the addresses to bind, without those that the PSK excludes
// from the defaults.
func (c *Config) listen() ([]ma.Multiaddr, error) {
	texts := c.Listen
	if texts == nil {
		texts = defaultListen(c.PSK != nil)
	}
	var addrs []ma.Multiaddr
	for _, s := range texts {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: %w", s, err)
		}
		if c.PSK != nil && isQUIC(a) {
			return nil, fmt.Errorf("listen address %s: a private network uses TCP only; leave this address out", s)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

func defaultListen(tcpOnly bool) (addrs []string) {
	families := []string{"/ip4/0.0.0.0"}
	if haveIPv6() {
		families = append(families, "/ip6/::")
	}
	for _, f := range families {
		addrs = append(addrs, ListenOn(f, remote.DefaultPort, tcpOnly)...)
	}
	return addrs
}

// ListenOn returns the TCP and, unless tcpOnly, the QUIC address of one port;
// ip is the beginning of a multiaddress such as /ip4/0.0.0.0.
func ListenOn(ip string, port int, tcpOnly bool) []string {
	tcp := fmt.Sprintf("%s/tcp/%d", ip, port)
	if tcpOnly {
		return []string{tcp}
	}
	return []string{tcp, fmt.Sprintf("%s/udp/%d/quic-v1", ip, port)}
}

func (c *Config) psk() pnet.PSK { return pnet.PSK(c.PSK) }
