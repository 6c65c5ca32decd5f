// Package node is the real driver of a peer: it feeds discovery's machine
// with what happens in the world and performs what the machine asks for.
//
//	            remote.Transport   overlay.Overlay   docker.Engine   api.Backend
//	                 | ^                | ^               | ^             | ^
//	events  Received | | Send     Near  | | Lookup  Unit- | | Run  Wanted | | Outcome
//	                 v |          Gone  v |      Changed  v | Control     v |
//	            +-------------------------------------------------------------+
//	            |  loop: Step a batch -> commit its Saves -> perform the rest |
//	            +-------------------------------------------------------------+
//
// The pieces: loop steps and commits; effects performs, each kind in a bounded
// group (goroutines.go holds every go statement); lanes runs the engine's work
// for each unit in order; board holds a copy of the records for whoever reads;
// streams carries logs, exec and attach beside the machine, authorised by a
// lease; backend_*.go is what the local user can ask for.
//
// Glossary. A unit is one leased container, named by its first lease. The
// board is what is durable, never what is merely planned. A lane is the queue
// of one unit's engine work.
//
// Package cmd/caravela makes a node of real parts, package nodetest of parts
// in memory. Nothing else calls it.
package node
