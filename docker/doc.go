// Package docker says what a node needs of a container engine, and nothing
// of how it is done: docker/engine does it on a Docker daemon, docker/fake in
// memory. docker/dockertest is the battery that both must pass.
//
// Glossary.
//
//   - A unit is one container that a lease pays for, with the volumes and the
//     network around it. It is addressed by its first lease for all its life:
//     renewals keep the unit, and container IDs never leave the engine.
//   - A scope is a network and a supplier. An engine value serves one scope,
//     and sees, counts and removes nothing outside it: several nodes may share
//     one daemon.
//   - A tenant is the owner of leases. Each has a bridge network of its own
//     and volumes of its own, which another tenant cannot name.
//
// Only node (through this interface) and cmd (which chooses an
// implementation) call it. All methods may be called from several goroutines.
package docker
