// Package hosts is a laboratory of test hosts on one machine, and the suite
// that runs a whole market in it.
//
//	cvlab-h1   cvlab-h2   cvlab-h3     cvlab-home 192.168.77.2
//	10.77.0.1  10.77.0.2  10.77.0.3         |
//	    |          |          |       cvlab-router  MASQUERADE, nothing forwarded in
//	    |          |          |             | 10.77.0.254
//	    +----------+----------+-------------+
//	               cvlab-switch
//
// A host is a network namespace with a Docker engine of its own. The switch is
// a bridge in a namespace of its own, so that neither the machine's firewall
// nor an engine that already runs on it has a say in what passes: Docker drops
// forwarded frames wherever it lives, bridged ones included.
//
// Everything that the lab makes is called cvlab-something or lies in one
// directory, and a lab that opens first sweeps what a killed one left. It needs
// root, iproute2, iptables, containerd and dockerd, and stands behind the build
// tag "hosts":
//
//	go test -tags hosts ./hosts
//
// Environment: HOSTS_CARAVELA names a caravela binary to test (default: the
// suite builds one); HOSTS_NAT_SECONDS says how long the log of a container
// behind NAT is followed (default 130: longer than a relay lasts by libp2p's
// defaults); KILLS_SEED is the seed of TestTwoHundredKills; KEEP=1 leaves the
// lab standing after the suite.
package hosts
