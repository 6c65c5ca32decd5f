package simulator

import "time"

// Network is the model of links: a latency between regions, and a spread that
// belongs to each pair of nodes.
type Network struct {
	Latency [][]time.Duration // one way, from region to region
	Spread  time.Duration     // added to a link: 0 to this much, by a hash of the two ends
	Loss    float64           // share of messages that are lost

	NAT       int           // parts of a million nodes that others reach through relays only
	Relay     time.Duration // what a relay adds, one way
	Dialled   bool          // all peers are connected already
	Bandwidth int64         // bytes a second of a node's uplink; 0 = no bound
	Names     []string      // of the regions, which are the nodes' labels; may be nil
}

// DefaultNetwork is three continents.
func DefaultNetwork() Network {
	ms := time.Millisecond
	return Network{
		Latency: [][]time.Duration{{10 * ms, 45 * ms, 110 * ms}, {45 * ms, 10 * ms, 90 * ms}, {110 * ms, 90 * ms, 10 * ms}},
		Spread:  10 * ms,
	}
}

// lookahead is the shortest latency of any link.
func (n *Network) lookahead() time.Duration {
	least := n.Latency[0][0]
	for _, row := range n.Latency {
		for _, d := range row {
			least = min(least, d)
		}
	}
	return least
}

func (n *Network) region(i uint32) int { return int(mix(uint64(i), 0x7265) % uint64(len(n.Latency))) }

// oneWay is a link's latency. It is the same in both directions.
func (n *Network) oneWay(a, b uint32) time.Duration {
	d := n.Latency[n.region(a)][n.region(b)]
	if n.Spread > 0 {
		d += time.Duration(mix(uint64(min(a, b)), uint64(max(a, b))) % uint64(n.Spread))
	}
	return d
}

// lost draws whether a message is lost: a property of the message.
func (n *Network) lost(from uint32, counter uint32, seed uint64) bool {
	return n.Loss > 0 && float64(mix(uint64(from), uint64(counter), seed)>>11)/(1<<53) < n.Loss
}
