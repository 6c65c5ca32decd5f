// Package memory is an overlay within one process: every member sees all
// others at once and distances are computed by brute force. It is the oracle
// for tests of what stands above overlay.
package memory
