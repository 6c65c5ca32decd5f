// Package trader is the role that keeps other peers' offers: it stores what
// suppliers send to the peers nearest to a region's key, asks after each
// offer from time to time, answers searches, tells neighbouring traders what
// it holds, and hands offers over when a nearer peer appears.
//
// A place is what is known of one region. A tombstone is the memory of a
// withdrawn offer, so that a late copy does not bring it back. A child is a
// region below a place that was split, as its trader advertised it. The view
// is what a trader above knows of regions elsewhere. News is what those above
// should hear of soon.
//
// The package is part of the pure core: discovery calls it, a driver performs
// its effects.
package trader
