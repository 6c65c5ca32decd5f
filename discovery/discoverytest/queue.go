package discoverytest

import (
	"container/heap"
	"time"

	"caravela/market"
)

// after delivers an event to whatever life the node is in then.
func (w *World) after(d time.Duration, n *Node, ev market.Event) {
	w.push(item{at: w.now + d, node: n, ev: ev})
}

// later delivers an event to this life of the node only.
func (w *World) later(d time.Duration, n *Node, ev market.Event) {
	w.push(item{at: w.now + d, node: n, life: n.Life, ev: ev})
}

// do runs f in the world.
func (w *World) do(d time.Duration, f func()) { w.push(item{at: w.now + d, do: f}) }

func (w *World) push(it item) {
	w.seq++
	it.seq = w.seq
	heap.Push(&w.queue, it)
}

// item is an event on its way; life 0 = any.
type item struct {
	at   time.Duration
	seq  uint64
	node *Node
	life int
	ev   market.Event
	do   func()
}

type queue []item

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(x any) { *q = append(*q, x.(item)) }

func (q *queue) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}
