// Package discovery combines the roles of trader, supplier and buyer into one
// peer: it routes each event to the roles that it concerns, and lets them
// share what one of them learns. DESIGN.md tells how a search works, and why.
//
// A driver owns a Peer: it delivers events, one at a time, performs the
// effects of each step and calls Tick no later than the Deadline. The package
// is part of the pure core.
package discovery
