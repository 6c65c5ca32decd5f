package main

import (
	"runtime/debug"
	"runtime/metrics"

	"caravela/simulator"
)

// What a simulation may take before the collector is hurried: so much a node,
// or what any run has beside its nodes. The program itself comes on top: with it
// 65,535 nodes take no more than 6 KiB each.
const (
	simNodeMemory = 5750
	simRunMemory  = 32 << 20
)

// saveMemory has the collector wait while memory lasts and hurry when it does
// not, as the run tells how far it has come, unless the user has decided: a
// market grows to its end, and a fixed share of room would cost the most time
// where memory is not short.
func (a *app) saveMemory(nodes int64, show func(simulator.Progress)) func(simulator.Progress) {
	if a.getenv("GOGC") != "" || a.getenv("GOMEMLIMIT") != "" {
		return show
	}
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit(nodes, 0))
	return func(p simulator.Progress) {
		debug.SetMemoryLimit(memoryLimit(nodes, heapLive()))
		show(p)
	}
}

// memoryLimit is what the collector should keep to: a third more than what is
// alive at least. With less, time grows faster than memory shrinks: by 23 % for
// 17 % of the memory of 32,767 nodes.
func memoryLimit(nodes, live int64) int64 {
	return max(nodes*simNodeMemory, live+live/3+simRunMemory)
}

// heapLive is what the collector found alive last, in bytes.
func heapLive() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}
