// Package libp2p is the real transport: one libp2p host a node, TCP and QUIC.
//
// The host exists before the network is known, so that a newcomer can ask for
// the configuration with the connections that it will keep; Serve then names
// the network. A member is a connected peer that speaks this network's
// message protocol; others may stay for half a minute (a newcomer has no
// protocols yet), then they are disconnected.
//
// Protocols, all versioned on their own:
//
//	/caravela/configuration/1.0.0       token -> status, configuration or reason
//	/caravela/<network>/message/1.0.0   one message -> one status byte
//	/caravela/<network>/stream/1.0.0    header -> one status byte, then frames
//	/caravela/<network>/dialback/1.0.0  addresses -> what became of dialling them
//
// libp2p knows which protocols a connected peer speaks, so a message costs one
// round trip: the protocol's name, the message and its answer.
//
// What strangers can cost is bounded at every layer: libp2p's resource
// manager (connections, streams, memory), the gate (addresses, key type,
// penalties), a rate and a number of handlers a peer, and a number of
// handlers in all. Stats counts every refusal by its cause.
//
// Package cmd constructs a Host and gives its LibP2P to overlay/kademlia.
package libp2p
