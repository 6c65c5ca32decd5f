package market

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Region is one node of the tree under which offers are kept. Its root holds
// every offer of a platform while they are few; a region that outgrew
// Params.SplitAt sends newcomers to its children, by a hash of the supplier.
// An offer stays in its region whatever its resources: what is free where,
// the regions' summaries tell.
type Region struct {
	Platform Platform
	Depth    uint8  // below the root
	Shard    uint32 // the first Depth*ShardBits bits of the supplier's hash
}

// The tree's shape: each region has 1<<ShardBits children.
const (
	ShardBits = 5
	MaxDepth  = 6
)

// RootRegion is where a platform's tree begins.
func RootRegion(p Platform) Region { return Region{Platform: p} }

// Valid reports whether r can exist.
func (r Region) Valid() bool {
	return r.Platform.Valid() && r.Platform.OS != "" && r.Depth <= MaxDepth && uint64(r.Shard) < 1<<(uint(r.Depth)*ShardBits)
}

// Key is the place of r's traders in the overlay.
func (r Region) Key(n NetworkID) Key {
	return KeyOf(fmt.Sprintf("caravela/%s/r/%s/%d.%d", n, r.Platform, r.Depth, r.Shard))
}

// String returns "linux/amd64", or "linux/amd64 shard 5/32".
func (r Region) String() string {
	if r.Depth == 0 {
		return r.Platform.String()
	}
	return fmt.Sprintf("%s shard %d/%d", r.Platform, r.Shard, uint64(1)<<(uint(r.Depth)*ShardBits))
}

// At is the region of the given depth in which a supplier belongs.
func (r Region) At(depth uint8, supplier PeerID) Region {
	h := sha256.Sum256(supplier[:])
	bits := uint64(binary.BigEndian.Uint32(h[:4]))
	depth = min(depth, MaxDepth)
	return Region{Platform: r.Platform, Depth: depth, Shard: uint32(bits >> (32 - uint(depth)*ShardBits))}
}

// Child is the child of r in which a supplier belongs; r itself at MaxDepth.
func (r Region) Child(supplier PeerID) Region { return r.At(r.Depth+1, supplier) }

// Parent is the region above r; the root is its own parent.
func (r Region) Parent() Region {
	if r.Depth == 0 {
		return r
	}
	return Region{Platform: r.Platform, Depth: r.Depth - 1, Shard: r.Shard >> ShardBits}
}

// Crowd estimates of how many members an overlay consists, from the n that are
// nearest to one place of its key space: furthest is the first 64 bits of the
// largest of their distances from there.
func Crowd(n int, furthest uint64) uint64 {
	return uint64(n) * min(math.MaxUint64/max(1, furthest), math.MaxUint64/uint64(max(1, n)))
}

// DepthOf estimates how deep the regions of a market with so many members are. It
// errs towards less, since a region that is split says so at once.
func DepthOf(members uint64, splitAt int) uint8 {
	depth := uint8(0)
	for members > 4*uint64(splitAt) && depth < MaxDepth {
		members >>= ShardBits
		depth++
	}
	return depth
}

// DepthFor estimates the same from the peers that a lookup for one key gave.
func DepthFor(peers []Ref, asked int, key Key, splitAt int) uint8 {
	if len(peers) < asked {
		return 0
	}
	furthest := uint64(0)
	for _, p := range peers {
		d := Distance(p.Peer, key)
		furthest = max(furthest, binary.BigEndian.Uint64(d[:8]))
	}
	return DepthOf(Crowd(len(peers), furthest), splitAt)
}

// Above reports whether r is s or one of the regions above it.
func (r Region) Above(s Region) bool {
	return r.Platform == s.Platform && r.Depth <= s.Depth && s.Shard>>((uint(s.Depth)-uint(r.Depth))*ShardBits) == r.Shard
}

// Contains reports whether an offer belongs to r or below.
func (r Region) Contains(o *Offer) bool {
	return r.Platform == o.Platform && r == r.At(r.Depth, o.Supplier)
}

// Compare orders regions, for the total order that the machines need.
func (r Region) Compare(s Region) int {
	return cmp.Or(strings.Compare(r.Platform.OS, s.Platform.OS), strings.Compare(r.Platform.Arch, s.Platform.Arch),
		cmp.Compare(r.Depth, s.Depth), cmp.Compare(r.Shard, s.Shard))
}

// Summary is what a region's trader tells its neighbours of it.
type Summary struct {
	Region Region
	Offers uint32  // how many are held, those below included
	Deeper uint8   // levels below the region
	Peaks  []Point // what is free at best: no point serves more than another in all parts; sorted
}

// Point is free resources that one offer has, and its class.
type Point struct {
	Free  Resources
	Class CPUClass
}

// MaxPeaks bounds the points of a summary. Beyond it they are made coarser:
// a summary may promise too much, never too little.
const MaxPeaks = 32

// covers reports whether p serves whatever q serves.
func (p Point) covers(q Point) bool { return p.Class >= q.Class && p.Free.Fits(q.Free) }

func (p Point) compare(q Point) int {
	return cmp.Or(cmp.Compare(p.Class, q.Class), cmp.Compare(p.Free.CPU, q.Free.CPU), cmp.Compare(p.Free.Memory, q.Free.Memory), cmp.Compare(p.Free.Disk, q.Free.Disk))
}

// MayFit reports whether some offer of the summarised region could serve w.
func (s *Summary) MayFit(w *Want) bool {
	if !w.On.IsZero() && s.Region != s.Region.At(s.Region.Depth, w.On) {
		return false
	}
	need := Point{w.Need, w.Class}
	return slices.ContainsFunc(s.Peaks, func(p Point) bool { return p.covers(need) })
}

// Exceeds reports whether s promises something that t does not.
func (s *Summary) Exceeds(t *Summary) bool {
	return slices.ContainsFunc(s.Peaks, func(p Point) bool {
		return !slices.ContainsFunc(t.Peaks, func(q Point) bool { return q.covers(p) })
	})
}

// Add takes one more point into the summary, and reports whether that changed it.
func (s *Summary) Add(p Point) bool {
	for _, q := range s.Peaks {
		if q.covers(p) {
			return false
		}
	}
	s.Peaks = slices.DeleteFunc(s.Peaks, p.covers)
	i, _ := slices.BinarySearchFunc(s.Peaks, p, Point.compare)
	s.Peaks = slices.Insert(s.Peaks, i, p)
	if len(s.Peaks) > MaxPeaks {
		s.coarsen()
	}
	return true
}

// coarsen joins the two neighbouring points that promise least too much.
func (s *Summary) coarsen() {
	best, least := 0, int64(-1)
	for i := 0; i+1 < len(s.Peaks); i++ {
		a, b := s.Peaks[i], s.Peaks[i+1]
		j := join(a, b)
		excess := int64(2*j.Free.CPU-a.Free.CPU-b.Free.CPU) + int64((2*j.Free.Memory-a.Free.Memory-b.Free.Memory)/MiB)
		if a.Class != b.Class {
			excess += 1 << 40
		}
		if least < 0 || excess < least {
			best, least = i, excess
		}
	}
	j := join(s.Peaks[best], s.Peaks[best+1])
	s.Peaks = slices.Delete(s.Peaks, best, best+2)
	s.Add(j)
}

func join(a, b Point) Point {
	return Point{Resources{max(a.Free.CPU, b.Free.CPU), max(a.Free.Memory, b.Free.Memory), max(a.Free.Disk, b.Free.Disk)}, max(a.Class, b.Class)}
}

// Merge widens s by t's points.
func (s *Summary) Merge(t *Summary) {
	for _, p := range t.Peaks {
		s.Add(p)
	}
}
