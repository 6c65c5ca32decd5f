package simulator

import (
	"crypto/sha256"
	"encoding/binary"

	"caravela/market"
)

// peerID makes the identity of the i-th node: its index, so that a message
// finds its way without a table, and the seed, so that runs differ.
func peerID(i uint32, seed uint64) (p market.PeerID) {
	binary.BigEndian.PutUint32(p[:], i)
	binary.BigEndian.PutUint64(p[4:], seed)
	return p
}

func indexOf(p market.PeerID) uint32 { return binary.BigEndian.Uint32(p[:]) }

func seedOf(p market.PeerID) uint64 { return binary.BigEndian.Uint64(p[4:]) }

// pointOf is the first 64 bits of a peer's place in kad-dht's key space.
func pointOf(p market.PeerID) uint64 {
	h := sha256.Sum256(p.Bytes())
	return binary.BigEndian.Uint64(h[:])
}

// keyPoint is the first 64 bits of a key's place in kad-dht's key space.
func keyPoint(k market.Key) uint64 {
	h := sha256.Sum256(k[:])
	return binary.BigEndian.Uint64(h[:])
}

// mix is a hash of a few numbers, for choices that belong to a place rather
// than to a sequence.
func mix(a ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, v := range a {
		h ^= v
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}
