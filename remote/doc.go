// Package remote is how two nodes talk: messages of the market, byte streams
// that belong to a lease (logs, exec, attach, stats), and the one question
// that a newcomer asks before it is a member, the network's configuration.
//
// Glossary. A message is one market.Message, delivered at most 512 KiB in
// size, answered with one byte by the receiver. A stream carries frames in both
// directions until either side closes it. A target is what a user types after
// `join`: an address, with or without port and peer ID.
//
// The driver (package node) owns a Transport and is its Handler. Package
// remotetest is the battery that each implementation passes: remote/memory,
// within one process, and remote/libp2p, the real one.
package remote
