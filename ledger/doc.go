// Package ledger keeps what a peer and its counterparties owe each other: one
// account and one append-only log a counterparty, of what both have signed.
// Books is the part that a running peer holds in memory; Verify replays logs,
// checks every signature and computes every amount again, without a node and
// without a network.
//
// Rules of the market that live here: a balance changes only by an entry of
// the log (12); denial and credit limits are looked up before anything is
// promised (10). It is part of the pure core.
package ledger
