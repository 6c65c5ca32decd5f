// Package scenario reads the TOML files that say what a simulation is: how
// many nodes of which kinds, the network between them, what is asked of them,
// what goes wrong, and what is expected of the result.
//
// Load reads a file, applies the changes of the command line and checks all of
// it; its error joins a configuration.Problem for each mistake, with file,
// line, key and remedy. The shipped workloads (S, R and T) are TOML texts
// below workloads/, which a scenario names and may change in part.
//
// The documented form of a file is docs/simulator.md; Spec is its vocabulary.
package scenario
