// Package realtest holds tests on whole nodes that meet over real libp2p hosts
// on loopback and a real Kademlia overlay: races, traders that are killed,
// many searches, and peers that lie, forge, replay, flood, or do not answer.
// Only the container engine is the fake one.
//
// A puppet is a member of the market that does what a test tells it instead
// of what the protocol asks for.
//
// With the build tag real, which scripts/test sets, the same tests run as
// often, and with as many nodes, as the project promises; without it they are
// short.
package realtest
