package strategies

import (
	"slices"

	"caravela/market"
)

// index finds the tightest fit among many suppliers: they are filed by class,
// whole cores and memory.
type index struct {
	cells map[cell][]market.PeerID
	at    map[market.PeerID]entry
}

type cell struct {
	class       market.CPUClass
	cpu, memory int16
}

type entry struct {
	offer market.Offer
	cell  cell
}

// The index' resolution.
const (
	mostCPU, mostMemory = 32, 128
	memoryStep          = 128 * market.MiB
	highestClass        = 4
)

func cellOf(class market.CPUClass, r market.Resources) cell {
	return cell{class, int16(min(mostCPU, max(0, r.CPU/1000))), int16(min(mostMemory, max(0, r.Memory/memoryStep)))}
}

// put files what a supplier has now.
func (x *index) put(o market.Offer) {
	if x.at == nil {
		x.cells, x.at = map[cell][]market.PeerID{}, map[market.PeerID]entry{}
	}
	c := cellOf(o.Class, o.Free)
	if old, ok := x.at[o.Supplier]; !ok || old.cell != c {
		x.remove(o.Supplier)
		x.cells[c] = append(x.cells[c], o.Supplier)
	}
	x.at[o.Supplier] = entry{o, c}
}

func (x *index) remove(p market.PeerID) {
	old, ok := x.at[p]
	if !ok {
		return
	}
	delete(x.at, p)
	list := x.cells[old.cell]
	i := slices.Index(list, p)
	list[i] = list[len(list)-1]
	x.cells[old.cell] = list[:len(list)-1]
}

// best returns a supplier that w fits on, of the lowest class and with the
// fewest cores and the least memory; false when there is none.
func (x *index) best(w *market.Want) (market.Offer, bool) {
	from := cellOf(w.Class, w.Need)
	for class := w.Class; class <= highestClass; class++ {
		for cpu := from.cpu; cpu <= mostCPU; cpu++ {
			for memory := from.memory; memory <= mostMemory; memory++ {
				for _, p := range x.cells[cell{class, cpu, memory}] {
					e := x.at[p]
					if _, misses := w.Miss(&e.offer); misses == 0 {
						return e.offer, true
					}
				}
			}
		}
	}
	return market.Offer{}, false
}
