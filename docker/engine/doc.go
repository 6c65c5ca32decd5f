// Package engine runs units on a Docker daemon, through its API (1.41, the
// one of Docker 20.10, and newer).
//
// What belongs to a scope is found by labels, and named by hashes of the
// scope, so that nodes that share a daemon cannot meet:
//
//   - container  caravela-<lease>-<scope>, one a unit
//   - volume     caravela-<hash of scope, owner and name>; a nameless one by its lease
//   - network    caravela-<hash of scope and owner>, one bridge a tenant
//   - chains     CARAVELA-FWD-<scope> and CARAVELA-IN-<scope> of iptables
//
// The daemon keeps all state; the package keeps none but locks. See DESIGN.md
// for how tenants are kept from the supplier's own network, and what is left
// open.
package engine
