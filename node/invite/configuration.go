package invite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"caravela/market"
)

// ErrBadConfiguration says that what a node answered is no network's
// configuration, or not the one that was expected.
var ErrBadConfiguration = errors.New("invite: unacceptable configuration")

// MaxPeers bounds the peers of a configuration.
const MaxPeers = 16

// Configuration is a network and a few of its members.
type Configuration struct {
	Network *market.SignedNetwork
	Peers   []market.Ref
}

type wire struct {
	Version int        `json:"version"`
	Genesis []byte     `json:"genesis"`
	Params  []byte     `json:"params"`
	Peers   []wirePeer `json:"peers"`
}

type wirePeer struct {
	ID    string   `json:"id"`
	Addrs []string `json:"addrs"`
}

// wireVersion is raised when an older node could not make sense of the rest.
const wireVersion = 1

// Encode returns c as it stands on the wire; peers and addresses beyond the
// bounds are left out.
func (c *Configuration) Encode() ([]byte, error) {
	w := wire{Version: wireVersion, Genesis: c.Network.GenesisEnvelope, Params: c.Network.ParamsEnvelope}
	for _, p := range c.Peers[:min(len(c.Peers), MaxPeers)] {
		w.Peers = append(w.Peers, wirePeer{p.Peer.String(), p.Addrs[:min(len(p.Addrs), market.MaxAddrs)]})
	}
	return json.Marshal(w)
}

// Open reads and verifies a configuration. A zero want accepts any network.
func Open(b []byte, want market.NetworkID) (*Configuration, error) {
	var w wire
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadConfiguration, err)
	}
	if w.Version != wireVersion {
		return nil, fmt.Errorf("%w: version %d, and this caravela knows version %d; use the same version on both machines",
			ErrBadConfiguration, w.Version, wireVersion)
	}
	signed, err := market.OpenNetwork(w.Genesis, w.Params)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadConfiguration, err)
	}
	if id := signed.ID(); want != (market.NetworkID{}) && id != want {
		return nil, fmt.Errorf("%w: the node belongs to network %s, expected was %s", ErrBadConfiguration, id.Short(), want.Short())
	}
	c := &Configuration{Network: signed}
	for _, p := range w.Peers[:min(len(w.Peers), MaxPeers)] {
		id, err := market.ParsePeerID(p.ID)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadConfiguration, err)
		}
		c.Peers = append(c.Peers, market.Ref{Peer: id, Addrs: bounded(p.Addrs)})
	}
	return c, nil
}

// bounded keeps the addresses that are short enough, and not too many.
func bounded(addrs []string) (out []string) {
	for _, a := range addrs {
		if len(a) <= market.MaxAddr && len(out) < market.MaxAddrs {
			out = append(out, a)
		}
	}
	return out
}
