package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"caravela/market"
)

const (
	networkFile = "network.json"
	peersFile   = "peers.json"
	tokensFile  = "tokens.json"
	saleFile    = "sale.json"
	webhookFile = "webhook.json"
)

// Network is what a node knows of its network besides its peers.
type Network struct {
	*market.SignedNetwork
	PSK  []byte // 32 bytes of a private network; nil = none
	Open bool   // deals with peers on public addresses, for a token was given out or joined with
}

type networkJSON struct {
	Genesis []byte `json:"genesis"`
	Params  []byte `json:"params"`
	PSK     []byte `json:"pre_shared_key,omitempty"`
	Open    bool   `json:"open"`
}

// Network returns the network that the directory belongs to, verified;
// fs.ErrNotExist where it belongs to none.
func (d *Dir) Network() (*Network, error) {
	var j networkJSON
	if err := d.load(networkFile, &j); err != nil {
		return nil, err
	}
	if err := private(d.File(networkFile), 0o077); err != nil {
		return nil, err
	}
	signed, err := market.OpenNetwork(j.Genesis, j.Params)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, d.File(networkFile), err)
	}
	if len(j.PSK) != 0 && len(j.PSK) != 32 {
		return nil, fmt.Errorf("%w: %s: a pre-shared key of %d bytes", ErrDamaged, d.File(networkFile), len(j.PSK))
	}
	return &Network{signed, j.PSK, j.Open}, nil
}

// SaveNetwork makes the directory belong to a network.
func (d *Dir) SaveNetwork(n *Network) error {
	return d.save(networkFile, networkJSON{n.GenesisEnvelope, n.ParamsEnvelope, n.PSK, n.Open})
}

// Forget takes the directory out of its network: peers and tokens go with it,
// identity and leases stay.
func (d *Dir) Forget() error {
	return errors.Join(d.remove(tokensFile), d.remove(peersFile), d.remove(networkFile))
}

// LeaseFile is where the leases of a network are kept.
func (d *Dir) LeaseFile(n market.NetworkID) string { return d.File("leases-" + n.Short() + ".db") }

// Known is a peer that was seen, and where.
type Known struct {
	ID    string    `json:"id"`
	Addrs []string  `json:"addrs"`
	Seen  time.Time `json:"seen"`
}

// Peers returns the peers that were saved; none where nothing was.
func (d *Dir) Peers() ([]Known, error) {
	var out []Known
	if err := d.load(peersFile, &out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return out, nil
}

// SavePeers replaces the saved peers.
func (d *Dir) SavePeers(ps []Known) error { return d.save(peersFile, ps) }

// Token is a join token that was given out. Of its secret only the hash is kept.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Hash    []byte    `json:"secret_sha256"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"` // zero = never
	Uses    int       `json:"uses"`
	MaxUses int       `json:"max_uses"` // 0 = no limit
}

// Tokens returns the tokens that were given out.
func (d *Dir) Tokens() ([]Token, error) {
	var out []Token
	if err := d.load(tokensFile, &out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return out, nil
}

// SaveTokens replaces the saved tokens.
func (d *Dir) SaveTokens(ts []Token) error { return d.save(tokensFile, ts) }
