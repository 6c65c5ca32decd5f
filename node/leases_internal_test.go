package node

import (
	"slices"
	"testing"

	"caravela/market"
)

// A lease and its renewal may begin in the same millisecond; whatever their
// IDs are, the renewal is the newer one.
func TestNewerFirst(t *testing.T) {
	lease := func(id, prev byte, start market.Wall) agreement {
		l := market.SignedLease{ID: market.LeaseID{id}}
		l.Start = start
		if prev != 0 {
			l.Prev = market.LeaseID{prev}
		}
		return agreement{lease: &l}
	}
	for _, ids := range [][2]byte{{7, 8}, {8, 7}} {
		list := []agreement{lease(1, 0, 5), lease(ids[0], 1, 9), lease(ids[1], ids[0], 9)}
		for range 2 {
			slices.SortStableFunc(list, newerFirst)
			if list[0].lease.ID[0] != ids[1] || list[1].lease.ID[0] != ids[0] || list[2].lease.ID[0] != 1 {
				t.Errorf("%v: sorted as %d, %d, %d", ids, list[0].lease.ID[0], list[1].lease.ID[0], list[2].lease.ID[0])
			}
			slices.Reverse(list)
		}
	}
}
