// Package store keeps what a peer must not forget over restarts and crashes:
// its leases and their bills, its accounts and holds, the sequence number of
// its offers, and the logs of what it and its counterparties have signed.
//
// A Store knows nothing of what the records mean. It promises three things:
// what a Commit that returned nil has written is there after a crash, all of
// it; after an error nothing is certain, so that the caller must stop and
// begin anew from Load; and what was damaged on the disk is refused and never
// silently left out. Bolt does it in a file, Memory in memory, with faults on
// demand; package storetest is the battery that both pass.
//
// # The file
//
// The file is bbolt's. Each record stands after a checksum of it, and bucket
// "meta" states how many records each table has and what their checksums add
// up to, changed in the transaction that changes the table (sums.go). Before
// bbolt sees a file, every page in use is read and checked here (pages.go):
// both roots, the tree, the order of keys, the free pages, all checksums. So
// one changed byte is refused with ErrBroken, or it is in a page that nothing
// uses. A file of an older schema, and a large one of mostly free pages, is
// written anew beside itself and then renamed (rewrite.go).
//
// Damage is what disks do. Whoever can write the file can also make its
// checksums right: what a counterparty has signed is proved by signatures,
// which package ledger verifies.
//
// Only node/loop commits and only node loads.
package store
