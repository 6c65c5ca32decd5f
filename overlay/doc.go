// Package overlay is the structured network that all nodes of one market form:
// it answers "which peers are nearest to this key?" without a registry.
//
// Glossary. A peer is a node's identity together with the addresses at which
// it may be dialled. A key is a name: the overlay hashes it once more before
// it measures distances (market.Distance). The routing table is the part of
// the network that this node remembers; its peers are the neighbours. A node
// that serves is a candidate for every key and stands in the tables of others;
// a client only asks, and no lookup ever answers with it.
//
// The driver (package node) calls an Overlay; package overlaytest is the
// battery that each implementation passes: overlay/memory, one process and a
// perfect view, and overlay/kademlia, libp2p's Kademlia.
package overlay
