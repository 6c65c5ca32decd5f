// Package discoverytest is a small world for tests: peers of package
// discovery, a network and an overlay with latency, loss, partitions and
// crashes, and engines that start what they are told to, all in virtual time
// and in one goroutine. The same steps give the same trace.
//
// A World is told what to do by method calls, or by a script (Run), one
// command a line; see script.go for the commands.
package discoverytest
