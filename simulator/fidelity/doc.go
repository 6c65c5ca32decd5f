// Package fidelity holds the simulator against the real thing: the same script
// runs on real nodes and on simulated ones, and what it costs is compared.
//
//	go test -tags real -run . -v ./simulator/fidelity
//
// The real nodes are those that `caravela create` runs, with libp2p's own
// Kademlia, over QUIC on a network in virtual time; only their disks and their
// container engines are made of memory. Depths of lookups are taken from
// kad-dht alone. The tests take minutes, hence the build tag; their table is
// in docs/simulator.md.
package fidelity
