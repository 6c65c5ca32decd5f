// Package store keeps a peer's records over restarts and crashes: the leases
// that it bought and sold, and the sequence number of its offers.
//
// A Store knows nothing of what the records mean. It promises two things: what
// a Commit that returned nil has written is there after a crash, all of it;
// and after an error nothing is certain, so that the caller must stop and
// begin anew from Load. Bolt does it in a file, Memory in memory, with faults
// on demand; package storetest is the battery that both pass.
//
// Only node/loop commits and only node loads.
package store
