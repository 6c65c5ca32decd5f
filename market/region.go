package market

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// Region is one node of the tree under which offers are kept. Its root holds
// every offer of a platform while they are few; a root that outgrew
// Params.SplitAt sends newcomers to its rungs, and a rung to its two halves,
// by a hash of the supplier, and so on.
type Region struct {
	Platform Platform
	Rung     int8   // -1 = the root
	Depth    uint8  // halvings below the rung
	Shard    uint32 // the first Depth bits of the supplier's hash
}

// MaxDepth bounds the halvings of a rung.
const MaxDepth = 24

// RootRegion is where the search for a platform begins.
func RootRegion(p Platform) Region { return Region{Platform: p, Rung: -1} }

// Valid reports whether r can exist under any parameters.
func (r Region) Valid() bool {
	if !r.Platform.Valid() || r.Platform.OS == "" || r.Rung < -1 || r.Rung >= 32 || r.Depth > MaxDepth {
		return false
	}
	return (r.Rung >= 0 || r.Depth == 0) && r.Shard < 1<<r.Depth
}

// Key is the place of r's traders in the overlay.
func (r Region) Key(n NetworkID) Key {
	return KeyOf(fmt.Sprintf("caravela/%s/r/%s/%d/%d.%d", n, r.Platform, r.Rung, r.Depth, r.Shard))
}

// String returns "linux/amd64", "linux/amd64 rung 3", "linux/amd64 rung 3 shard 5/8".
func (r Region) String() string {
	switch {
	case r.Rung < 0:
		return r.Platform.String()
	case r.Depth == 0:
		return fmt.Sprintf("%s rung %d", r.Platform, r.Rung)
	}
	return fmt.Sprintf("%s rung %d shard %d/%d", r.Platform, r.Rung, r.Shard, 1<<r.Depth)
}

// Child is the child of r in which a supplier with these free resources belongs.
func (r Region) Child(p *Params, supplier PeerID, free Resources) Region {
	if r.Rung < 0 {
		return Region{Platform: r.Platform, Rung: int8(p.RungOf(free))}
	}
	if r.Depth == MaxDepth {
		return r
	}
	c := Region{Platform: r.Platform, Rung: r.Rung, Depth: r.Depth + 1}
	c.Shard = shardBits(supplier) >> (32 - c.Depth)
	return c
}

// Parent is the region above r; the root is its own parent.
func (r Region) Parent() Region {
	switch {
	case r.Depth > 0:
		return Region{Platform: r.Platform, Rung: r.Rung, Depth: r.Depth - 1, Shard: r.Shard >> 1}
	default:
		return RootRegion(r.Platform)
	}
}

// Contains reports whether an offer of these free resources belongs below r.
func (r Region) Contains(p *Params, o *Offer) bool {
	if r.Platform != o.Platform {
		return false
	}
	if r.Rung < 0 {
		return true
	}
	return int(r.Rung) == p.RungOf(o.Free) && (r.Depth == 0 || shardBits(o.Supplier)>>(32-r.Depth) == r.Shard)
}

// Compare orders regions, for the total order that the machines need.
func (r Region) Compare(s Region) int {
	return cmp.Or(strings.Compare(r.Platform.OS, s.Platform.OS), strings.Compare(r.Platform.Arch, s.Platform.Arch),
		cmp.Compare(r.Rung, s.Rung), cmp.Compare(r.Depth, s.Depth), cmp.Compare(r.Shard, s.Shard))
}

func shardBits(p PeerID) uint32 {
	h := sha256.Sum256(p[:])
	return binary.BigEndian.Uint32(h[:4])
}

// Summary is what a region's trader tells its neighbours of it.
type Summary struct {
	Region Region
	Offers uint32    // how many are held, children included
	Max    Resources // per part the largest that is free in any one offer
	Class  CPUClass  // the highest
}

// MayFit reports whether some offer of the summarised region could serve w.
func (s *Summary) MayFit(w *Want) bool {
	return s.Offers > 0 && s.Max.Fits(w.Need) && s.Class >= w.Class
}

// Merge widens s by t.
func (s *Summary) Merge(t Summary) {
	s.Offers += t.Offers
	s.Max.CPU = max(s.Max.CPU, t.Max.CPU)
	s.Max.Memory = max(s.Max.Memory, t.Max.Memory)
	s.Max.Disk = max(s.Max.Disk, t.Max.Disk)
	s.Class = max(s.Class, t.Class)
}
