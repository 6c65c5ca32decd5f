// Package kademlia is the real overlay: libp2p's Kademlia DHT, without its
// values and provider records.
//
// What the DHT does differently from what overlay.Overlay promises is put
// right here:
//
//   - A lookup never returns the caller: this node is added, if it serves.
//   - A lookup goes on after the nearest peers have answered, asks all 20 once
//     more and waits for dead ones. It is cut short as soon as the search
//     itself says that it is done.
//   - A table without peers is an error there, and "only me" here.
//   - The DHT forgets a dead peer when it next asks it in vain, and refreshes
//     its table every 10 minutes at the price of a lookup a bucket. Here a
//     neighbour that disconnects is dialled once and forgotten if that fails;
//     tables are refreshed slowly; forgotten peers are tried again now and
//     then, so that two halves of a network find each other after a partition.
//   - Serving or only asking is decided by this node's driver, at any time,
//     instead of by libp2p's opinion of public addresses.
//   - Peers without an Ed25519 key are no peers.
//
// Package cmd constructs an Overlay on the host that remote/libp2p made.
package kademlia
