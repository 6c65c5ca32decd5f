// Package identity is a node's data directory: who the node is (its private
// key), which network it belongs to, whom it has known, and which tokens it
// has given out. It belongs to one process at a time, by a lock.
//
//	identity.key   the Ed25519 key, PEM, readable by its owner only
//	network.json   signed genesis and parameters, pre-shared key, openness
//	peers.json     peers that were known when the node last looked
//	tokens.json    join tokens that were given out, without their secrets
//	sale.json      whether the offer is paused, and at which price, by the user's word
//	webhook.json   how far the webhook has been told of events
//	events.jsonl   what happened at this node, the newest part
//	leases-*.db    what was bought and sold, one file a network (node/store)
//	lock           the process ID of the node that runs
//
// Everything is refused that others than the owner can read or write, since
// whoever has the key is the node. Node and cmd/caravela call it.
package identity
