package simulator

import "caravela/market"

// cells index the nodes that are up by what they have free, so that the
// oracle need not look at all of them. It is kept between windows.
type cells struct {
	list [classes][cpuSteps][memorySteps][]uint32
}

const (
	classes     = 5
	cpuSteps    = 17 // whole cores, the last one and all beyond
	memorySteps = 65
	memoryStep  = 128 * market.MiB
)

// place is where a node stands in the index.
type place struct {
	cpu, memory uint8
	in          bool
	at          uint32
}

func cellOf(r market.Resources) (cpu, memory uint8) {
	return uint8(min(cpuSteps-1, max(0, r.CPU/1000))), uint8(min(memorySteps-1, max(0, r.Memory/memoryStep)))
}

// put files a node under what it has free now, or takes it out.
func (c *cells) put(n *node) {
	c.remove(n)
	if !n.up || n.leaving || n.fault == refuser || n.fault == silent {
		return
	}
	cpu, memory := cellOf(n.free())
	list := &c.list[n.kind.Class][cpu][memory]
	n.place = place{cpu: cpu, memory: memory, in: true, at: uint32(len(*list))}
	*list = append(*list, n.index)
}

func (c *cells) remove(n *node) {
	if !n.place.in {
		return
	}
	list := &c.list[n.kind.Class][n.place.cpu][n.place.memory]
	*list = (*list)[:len(*list)-1]
	n.place.in = false
}

// forget takes a node out that has gone.
func (d *driver) forget(n *node) { d.take(n) }

// take takes a node out of the index; the last one of its cell moves up.
func (d *driver) take(n *node) {
	if !n.place.in {
		return
	}
	list := d.index.list[n.kind.Class][n.place.cpu][n.place.memory]
	last := list[len(list)-1]
	list[n.place.at] = last
	d.s.nodes[last].place.at = n.place.at
	d.index.remove(n)
}

// refile follows a change of what a node has free.
func (d *driver) refile(n *node) {
	cpu, memory := cellOf(n.free())
	if n.place.in && n.up && n.place.cpu == cpu && n.place.memory == memory {
		return
	}
	d.take(n)
	d.index.put(n)
}

// feasible looks for enough live nodes that have had the resources since the
// search began, and are not cut off from the buyer. What replicas ask for together must be on one node, what they
// ask for apart on several; of the others it is enough that each fits alone.
func (d *driver) feasible(x *news) bool {
	p := &d.s.c.Load.Profiles[x.req.profile]
	need, nodes := p.need(), 1
	switch {
	case p.Together:
		need = need.Scale(p.replicas())
	case p.Apart:
		nodes = p.replicas()
	}
	cpu, memory := cellOf(need)
	for class := int(p.Class); class < classes; class++ {
		for i := int(cpu); i < cpuSteps; i++ {
			for j := int(memory); j < memorySteps; j++ {
				for _, k := range d.index.list[class][i][j] {
					n := &d.s.nodes[k]
					if d.able(n, p) && !d.s.cut(x.node, k) && n.freeLog.had(x.req.since, need) {
						if nodes--; nodes == 0 {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// able reports whether a node can serve a profile at all.
func (d *driver) able(n *node, p *Profile) bool {
	return p.Region == "" || d.s.c.Network.Names[d.s.c.Network.region(n.index)] == p.Region
}
