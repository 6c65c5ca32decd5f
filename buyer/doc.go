// Package buyer is the buying role of a peer: it turns a local user's request
// into searches, launches and leases, and looks after what was bought.
//
// A request asks for one or more replicas; each has a slot. An inquiry is one
// region that is being searched for a request; a trader that points to a region
// leads the search there. A holding is one bought unit.
//
// The package is part of the pure core: discovery calls it, a driver performs
// its effects.
package buyer
