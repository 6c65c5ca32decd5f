// Package discoverytest is a small world for tests: peers of package
// discovery, a network and an overlay with latency, loss, partitions and
// crashes, and engines that start what they are told to, all in virtual time
// and in one goroutine. The same steps give the same trace.
//
// A World is told what to do by method calls, by a script, one command a line
// (see Do), or by random bytes (see Walk). It holds each step against rules
// that need more than one peer's memory: what leaves must have been saved, what
// was withdrawn must not come back, nothing is signed twice (see Check), and at
// rest all books agree (see Settled).
package discoverytest
