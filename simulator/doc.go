// Package simulator drives the market's own machines (discovery.Peer) in
// virtual time, up to millions of them, over models of the network, the
// overlay and the engines.
//
// A Sim is one run. Peers are split over partitions that step in parallel for
// one window at a time; a window is as long as the shortest link latency, so
// that nothing said in it can be heard in it. Whatever is global (the
// workload, the oracle that judges requests) is read between windows. Hence
// the same scenario and seed give the same trace hash on every machine,
// whatever the number of cores.
package simulator
