package market

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// ErrBadID is returned by the parsers of this file.
var ErrBadID = errors.New("market: malformed identifier")

// PeerID is a node's Ed25519 public key, 32 bytes. It converts to libp2p's
// peer.ID and back without an address book, because an Ed25519 peer.ID holds
// the key itself.
type PeerID [32]byte

// peerPrefix is what libp2p puts before an Ed25519 key to make a peer.ID: an
// identity multihash of 36 bytes that hold a protobuf public key of type 1.
var peerPrefix = [6]byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// Bytes returns libp2p's binary peer.ID, 38 bytes.
func (p PeerID) Bytes() []byte { return append(append(make([]byte, 0, 38), peerPrefix[:]...), p[:]...) }

// String returns libp2p's text form, "12D3KooW...".
func (p PeerID) String() string {
	n := new(big.Int).SetBytes(p.Bytes())
	base, digit := big.NewInt(58), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, base, digit)
		out = append(out, base58Alphabet[digit.Int64()])
	}
	out = append(out, '1') // the leading zero byte
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// Short returns the last 8 characters of the text form: the first ones are
// the same for every Ed25519 peer.
func (p PeerID) Short() string { s := p.String(); return s[len(s)-8:] }

// IsZero reports whether p names nobody.
func (p PeerID) IsZero() bool { return p == PeerID{} }

// Compare orders peers by the bytes of their keys.
func (p PeerID) Compare(q PeerID) int { return bytes.Compare(p[:], q[:]) }

// PeerIDFromBytes reads libp2p's binary peer.ID. Other key types than Ed25519
// are refused with ErrBadID.
func PeerIDFromBytes(b []byte) (PeerID, error) {
	if len(b) != 38 || !bytes.Equal(b[:6], peerPrefix[:]) {
		return PeerID{}, fmt.Errorf("%w: not an Ed25519 peer ID", ErrBadID)
	}
	return PeerID(b[6:]), nil
}

// ParsePeerID reads the text form that String writes.
func ParsePeerID(s string) (PeerID, error) {
	if len(s) < 40 || len(s) > 60 || s[0] != '1' {
		return PeerID{}, fmt.Errorf("%w: %q is not a peer ID", ErrBadID, clip(s))
	}
	n, base := new(big.Int), big.NewInt(58)
	for _, c := range s {
		d := strings.IndexRune(base58Alphabet, c)
		if d < 0 {
			return PeerID{}, fmt.Errorf("%w: %q is not a peer ID", ErrBadID, clip(s))
		}
		n.Mul(n, base).Add(n, big.NewInt(int64(d)))
	}
	if n.BitLen() > 38*8 {
		return PeerID{}, fmt.Errorf("%w: %q is too long for a peer ID", ErrBadID, clip(s))
	}
	p, err := PeerIDFromBytes(n.FillBytes(make([]byte, 38)))
	if err != nil {
		return PeerID{}, err
	}
	if p.String() != s { // leading zeros: a second text for the same peer
		return PeerID{}, fmt.Errorf("%w: %q is not a peer ID", ErrBadID, clip(s))
	}
	return p, nil
}

// NetworkID is the SHA-256 of a network's signed genesis.
type NetworkID [32]byte

// String returns 64 hexadecimal digits.
func (n NetworkID) String() string { return hex.EncodeToString(n[:]) }

// Short returns the first 12 hexadecimal digits.
func (n NetworkID) Short() string { return n.String()[:12] }

// LeaseID is the SHA-256 of a lease's payload.
type LeaseID [32]byte

// String returns 64 hexadecimal digits.
func (l LeaseID) String() string { return hex.EncodeToString(l[:]) }

// Short returns the first 12 hexadecimal digits, as docker shows containers.
func (l LeaseID) Short() string { return l.String()[:12] }

// IsZero reports whether l names no lease.
func (l LeaseID) IsZero() bool { return l == LeaseID{} }

// Compare orders leases by the bytes of their IDs.
func (l LeaseID) Compare(m LeaseID) int { return bytes.Compare(l[:], m[:]) }

// ParseLeaseID reads 64 hexadecimal digits.
func ParseLeaseID(s string) (LeaseID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(LeaseID{}) {
		return LeaseID{}, fmt.Errorf("%w: %q is not a lease ID", ErrBadID, clip(s))
	}
	return LeaseID(b), nil
}

// ParseNetworkID reads 64 hexadecimal digits.
func ParseNetworkID(s string) (NetworkID, error) {
	l, err := ParseLeaseID(s)
	if err != nil {
		return NetworkID{}, fmt.Errorf("%w: %q is not a network ID", ErrBadID, clip(s))
	}
	return NetworkID(l), nil
}

// Key names a place in the overlay. It is a pre-image: the overlay hashes it
// once more, so keys need no structure.
type Key [32]byte

// KeyOf hashes a name into a Key.
func KeyOf(name string) Key { return sha256.Sum256([]byte(name)) }

// Distance is the XOR distance between a peer and a key in the space that
// kad-dht uses: SHA-256 of the 38-byte peer.ID against SHA-256 of the key.
// Compare distances with bytes.Compare: smaller is nearer.
func Distance(p PeerID, k Key) [32]byte {
	a, b := sha256.Sum256(p.Bytes()), sha256.Sum256(k[:])
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

// Nearer reports whether p is nearer to k than q is.
func Nearer(p, q PeerID, k Key) bool {
	a, b := Distance(p, k), Distance(q, k)
	return bytes.Compare(a[:], b[:]) < 0
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:61] + "..."
	}
	return s
}
