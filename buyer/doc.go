// Package buyer is the buying role of a peer: it turns a local user's request
// into searches, launches and leases, and looks after what was bought.
//
// A request asks for one or more replicas; each has a slot. An inquiry is one
// region that is being searched for a request; a trader that points to a region
// leads the search there. A holding is one bought unit. A meter is what was
// acknowledged of one lease, a bill the open meters of one unit, which are held
// against the clock together. A quote is a hold that the user was told of.
//
// Rules of the market that live here: only what is acknowledged is owed (1),
// and what is acknowledged has passed by this peer's own clock (9); a dearer
// renewal needs the user (6); note, signature and debt are saved together (12).
//
// The package is part of the pure core: discovery calls it, a driver performs
// its effects.
package buyer
