package market

import (
	"fmt"
	"time"
)

// Genesis names a network for ever: the network's ID is the SHA-256 of its
// signed envelope.
type Genesis struct {
	Name    string
	Creator PeerID
	Created Wall
	Nonce   [16]byte
	Private bool // peers need the pre-shared key
}

// Params are what all peers of a network must agree on. They are signed by
// the genesis' creator; the highest version wins.
type Params struct {
	Network  NetworkID
	Version  uint64        // 1, 2, ...
	Replicas int           // traders of a region
	Refresh  time.Duration // a trader asks after each offer this often
	OfferTTL time.Duration // an offer lapses this long after its last signature
	Resettle time.Duration // a supplier looks its traders up again this often
	SplitAt  int           // offers in a region from which its traders send newcomers to the region's children
	Term     time.Duration // default length of a lease
	Grant    time.Duration // how long a buyer waits for a grant
}

// DefaultParams are what `caravela create` signs.
func DefaultParams(n NetworkID) Params {
	return Params{
		Network: n, Version: 1, Replicas: 3,
		Refresh: 5 * time.Minute, OfferTTL: 15 * time.Minute, Resettle: time.Hour,
		SplitAt: 2304, Term: 24 * time.Hour, Grant: 5 * time.Second,
	}
}

// Validate refuses parameters under which no market works.
func (p *Params) Validate() error {
	bad := func(what string, v any) error { return fmt.Errorf("%w: parameter %s = %v", ErrMalformed, what, v) }
	switch {
	case p.Version == 0:
		return bad("version", p.Version)
	case p.Replicas < 1 || p.Replicas > 16:
		return bad("replicas", p.Replicas)
	case p.Refresh < time.Second || p.Refresh > 24*time.Hour:
		return bad("refresh", p.Refresh)
	case p.OfferTTL < 2*p.Refresh || p.OfferTTL > 7*24*time.Hour:
		return bad("offer_ttl", p.OfferTTL)
	case p.Resettle < p.Refresh || p.Resettle > 7*24*time.Hour:
		return bad("resettle", p.Resettle)
	case p.SplitAt < 2 || p.SplitAt > 1<<16:
		return bad("split_at", p.SplitAt)
	case p.Term < time.Minute || p.Term > MaxTerm:
		return bad("term", p.Term)
	case p.Grant < 100*time.Millisecond || p.Grant > 10*time.Minute:
		return bad("grant", p.Grant)
	}
	return nil
}

// SignedNetwork is a network's whole constitution, each part with its envelope.
type SignedNetwork struct {
	Genesis         Genesis
	Params          Params
	GenesisEnvelope []byte
	ParamsEnvelope  []byte
}

// ID is the SHA-256 of the signed genesis.
func (s *SignedNetwork) ID() NetworkID { return hash(s.GenesisEnvelope) }
