// Package nodetest puts whole nodes into one process, for tests of what only
// several of them show: real machines, stores, streams and API calls, over
// transports and engines in memory or, with Loopback, real libp2p hosts.
//
// A World is a network of hosts. A Host is a machine: its data directory, its
// disk and its engine survive when its node is stopped, killed or restarted.
package nodetest
