// Package memory is a transport between nodes of one process, for tests of
// what stands above remote: no sockets, no delays, no limits but the sizes.
package memory
