package supplier

import (
	"bytes"
	"slices"

	"caravela/market"
)

// sales is all that this peer has sold. It exists from the first launch on: many
// peers never sell, and a process may hold a great number of them.
//
// Whoever changes a unit gets it by take, or touches it: at the end of the
// step each touched unit is counted anew, and queued for when it is due. So
// nothing here looks at all units to admit one, or to learn what time it is.
type sales struct {
	units   []*unit                  // by unit ID
	tenants []*tenant                // by peer
	tombs   []tomb                   // launches that must not be granted any more
	kept    *kept                    // nil while nothing is held
	leases  map[market.LeaseID]*unit // by what is open in the books, where that is not the unit's name
	due     queue
	touched []*unit
	used    Counts
	ports   map[hostPort]int // how many units and holds say that they use it
}

// tenant is one buyer that has units here.
type tenant struct {
	peer   market.PeerID
	units  []*unit // by unit ID
	ended  int     // of these, waiting for their end to be confirmed
	shares []share // what they owe, by label
}

// hostPort is a port of this machine.
type hostPort struct {
	port uint16
	udp  bool
}

// open returns the sales, which begin when first needed.
func (s *Supplier) open() *sales {
	if s.sales == nil {
		s.sales = &sales{}
	}
	return s.sales
}

// unit finds a unit; nil when there is none.
func (s *Supplier) unit(id market.LeaseID) *unit {
	if s.sales == nil {
		return nil
	}
	if i, known := indexOf(s.sales.units, id); known {
		return s.sales.units[i]
	}
	return nil
}

// take finds a unit that is about to be changed; nil when there is none.
func (s *Supplier) take(id market.LeaseID) *unit {
	u := s.unit(id)
	if u != nil {
		s.touch(u)
	}
	return u
}

// touch has a unit counted anew at the end of the step.
func (s *Supplier) touch(u *unit) {
	if !u.touched {
		u.touched = true
		s.sales.touched = append(s.sales.touched, u)
	}
}

// insert adds a unit to the lists.
func (s *Supplier) insert(u *unit) {
	a := s.open()
	id := u.rec.Lease.Unit()
	i, _ := indexOf(a.units, id)
	a.units = slices.Insert(a.units, i, u)
	i, known := a.tenant(u.rec.Lease.Buyer)
	if !known {
		a.tenants = slices.Insert(a.tenants, i, &tenant{peer: u.rec.Lease.Buyer})
	}
	u.tenant = a.tenants[i]
	i, _ = indexOf(u.tenant.units, id)
	u.tenant.units = slices.Insert(u.tenant.units, i, u)
	s.touch(u)
}

// remove takes a unit off the lists.
func (s *Supplier) remove(u *unit) {
	a, id := s.sales, u.rec.Lease.Unit()
	i, _ := indexOf(a.units, id)
	a.units = slices.Delete(a.units, i, i+1)
	t := u.tenant
	i, _ = indexOf(t.units, id)
	t.units = slices.Delete(t.units, i, i+1)
	if len(t.units) == 0 {
		i, _ = a.tenant(t.peer)
		a.tenants = slices.Delete(a.tenants, i, i+1)
	}
	for _, id := range u.leases() {
		delete(a.leases, id)
	}
	u.gone = true
	s.touch(u)
}

// tenant finds a buyer with units here; nil when it has none.
func (s *Supplier) tenant(p market.PeerID) *tenant {
	if s.sales == nil {
		return nil
	}
	if i, known := s.sales.tenant(p); known {
		return s.sales.tenants[i]
	}
	return nil
}

func (a *sales) tenant(p market.PeerID) (int, bool) {
	return slices.BinarySearchFunc(a.tenants, p, func(t *tenant, p market.PeerID) int { return t.peer.Compare(p) })
}

// indexOf returns the index of a unit in a list, or where it would stand.
func indexOf(list []*unit, id market.LeaseID) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(u *unit, id market.LeaseID) int {
		v := u.rec.Lease.Unit()
		return bytes.Compare(v[:], id[:])
	})
}
