package simulator

import "time"

// alarms is an indexed 4-ary heap of the deadlines of a partition's nodes: one
// a node. Neither to compare nor to move them touches a node, of which there
// are more than any cache holds.
type alarms struct {
	heap   []alarm
	places []int32 // of a node's alarm in the heap, plus 1, by the node's number within the partition
	parts  uint32  // how many there are
}

type alarm struct {
	at   time.Duration
	node uint32
}

func newAlarms(nodes, parts int) alarms {
	most := nodes/parts + 1
	return alarms{heap: make([]alarm, 0, most), places: make([]int32, most), parts: uint32(parts)}
}

func (a *alarm) before(b *alarm) bool { return a.at < b.at || a.at == b.at && a.node < b.node }

// next is the time of the first alarm.
func (a *alarms) next() time.Duration {
	if len(a.heap) == 0 {
		return never
	}
	return a.heap[0].at
}

// set makes a node's alarm go off at a time; never switches it off.
func (a *alarms) set(node uint32, at time.Duration) {
	i := int(a.places[node/a.parts]) - 1
	switch {
	case at == never && i >= 0:
		a.remove(i)
	case at == never:
	case i >= 0:
		a.fix(i, alarm{at, node})
	default:
		a.heap = append(a.heap, alarm{})
		a.fix(len(a.heap)-1, alarm{at, node})
	}
}

func (a *alarms) remove(i int) {
	a.places[a.heap[i].node/a.parts] = 0
	last := len(a.heap) - 1
	moved := a.heap[last]
	a.heap = a.heap[:last]
	if i != last {
		a.fix(i, moved)
	}
}

// fix puts an alarm where it belongs, from the place i, which is free.
func (a *alarms) fix(i int, x alarm) {
	h := a.heap
	for i > 0 && x.before(&h[(i-1)/4]) {
		a.put(i, h[(i-1)/4])
		i = (i - 1) / 4
	}
	for 4*i+1 < len(h) {
		best := 4*i + 1
		for c := best + 1; c <= 4*i+4 && c < len(h); c++ {
			if h[c].before(&h[best]) {
				best = c
			}
		}
		if !h[best].before(&x) {
			break
		}
		a.put(i, h[best])
		i = best
	}
	a.put(i, x)
}

func (a *alarms) put(i int, x alarm) {
	a.heap[i] = x
	a.places[x.node/a.parts] = int32(i + 1)
}
