package kademlia

import (
	"fmt"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"caravela/market"
)

// Config describes a membership. Network is required.
type Config struct {
	Network market.NetworkID // names the protocol; peers of other networks are not seen

	Client bool // only ask, never serve: weak or unreachable nodes

	// AddressFilter keeps the addresses that may stand in the address book;
	// nil keeps all.
	AddressFilter func([]ma.Multiaddr) []ma.Multiaddr

	BucketSize  int           // peers a bucket, and peers that one answer names; 20
	Concurrency int           // questions of one lookup in flight; 3
	Resiliency  int           // nearest peers that must have answered; 3
	Timeout     time.Duration // of one lookup; 10 s
	Refresh     time.Duration // between refreshes of the routing table; 1.5 h
	Retry       time.Duration // between attempts to find forgotten peers; 1 min
}

// DefaultConfig returns what every node of a network should use.
func DefaultConfig(n market.NetworkID) Config {
	return Config{
		Network: n, BucketSize: 20, Concurrency: 3, Resiliency: 3,
		Timeout: 10 * time.Second, Refresh: 90 * time.Minute, Retry: time.Minute,
	}
}

// Validate reports the first impossible value.
func (c *Config) Validate() error {
	switch {
	case c.Network == market.NetworkID{}:
		return fmt.Errorf("kademlia: no network")
	case c.BucketSize < 1 || c.BucketSize > 100:
		return fmt.Errorf("kademlia: bucket size %d; want 1 to 100", c.BucketSize)
	case c.Concurrency < 1 || c.Concurrency > 100:
		return fmt.Errorf("kademlia: concurrency %d; want 1 to 100", c.Concurrency)
	case c.Resiliency < 1 || c.Resiliency > c.BucketSize:
		return fmt.Errorf("kademlia: resiliency %d; want 1 to the bucket size", c.Resiliency)
	case c.Timeout <= 0 || c.Refresh <= 0 || c.Retry <= 0:
		return fmt.Errorf("kademlia: intervals must be positive")
	}
	return nil
}
