package invite

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"caravela/market"
)

// ErrBadToken says that a text is no token, or one that does not hold (any more).
var ErrBadToken = errors.New("invite: unusable token")

// prefix makes a token recognisable, and names its version.
const prefix = "cvl1_"

// maxToken bounds a token's text, in bytes.
const maxToken = 4 << 10

// Token is what a member gives to a newcomer: whom to ask, which network to
// expect, and the right to come.
type Token struct {
	Network market.NetworkID
	Issuer  market.Ref
	PSK     []byte // of a private network; nil = none
	ID      string // 8 hexadecimal digits, public
	Secret  []byte // 16 bytes
	Expires time.Time
}

type wireToken struct {
	Network []byte   `json:"n"`
	Peer    []byte   `json:"p"`
	Addrs   []string `json:"a"`
	PSK     []byte   `json:"k,omitempty"`
	ID      string   `json:"i"`
	Secret  []byte   `json:"s"`
	Expires int64    `json:"e,omitempty"`
}

// NewToken returns a token with a fresh secret.
func NewToken(n market.NetworkID, issuer market.Ref, psk []byte, expires time.Time) Token {
	secret, id := make([]byte, 16), make([]byte, 4)
	_, _ = rand.Read(secret) // never fails
	_, _ = rand.Read(id)
	return Token{n, market.Ref{Peer: issuer.Peer, Addrs: bounded(issuer.Addrs)}, psk, hex.EncodeToString(id), secret, expires}
}

// String returns the text for `caravela join`.
func (t Token) String() string {
	w := wireToken{t.Network[:], t.Issuer.Peer[:], t.Issuer.Addrs, t.PSK, t.ID, t.Secret, 0}
	if !t.Expires.IsZero() {
		w.Expires = t.Expires.Unix()
	}
	b, err := json.Marshal(w)
	if err != nil {
		panic("invite: a token that has no JSON form: " + err.Error())
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// IsToken reports whether a user's text means to be a token rather than an address.
func IsToken(s string) bool { return strings.HasPrefix(s, prefix) }

// Parse reads what String wrote.
func Parse(s string) (Token, error) {
	bad := func(what string) (Token, error) {
		return Token{}, fmt.Errorf("%w: %s; ask for a new one (caravela token create)", ErrBadToken, what)
	}
	if !IsToken(s) || len(s) > maxToken {
		return bad("it does not begin with " + prefix)
	}
	b, err := base64.RawURLEncoding.DecodeString(s[len(prefix):])
	if err != nil {
		return bad("it was cut off or changed on the way")
	}
	var w wireToken
	if json.Unmarshal(b, &w) != nil {
		return bad("it was cut off or changed on the way")
	}
	if len(w.Network) != 32 || len(w.Peer) != 32 || len(w.Secret) != 16 || len(w.ID) != 8 || len(w.PSK) != 0 && len(w.PSK) != 32 {
		return bad("a part is missing")
	}
	t := Token{market.NetworkID(w.Network), market.Ref{Peer: market.PeerID(w.Peer), Addrs: bounded(w.Addrs)}, w.PSK, w.ID, w.Secret, time.Time{}}
	if len(w.PSK) == 0 {
		t.PSK = nil
	}
	if w.Expires != 0 {
		t.Expires = time.Unix(w.Expires, 0).UTC()
	}
	return t, nil
}

// Proof is what the newcomer shows to the issuer: ID and secret, without the
// rest, which is none of a stranger's business.
func (t Token) Proof() string { return t.ID + "." + hex.EncodeToString(t.Secret) }

// Hash is what the issuer keeps of the secret.
func (t Token) Hash() []byte { return hashOf(hex.EncodeToString(t.Secret)) }

// Proves reports whether a proof is by the holder of the secret with this
// hash; id is the token's that it names.
func Proves(proof string, hash []byte) bool {
	_, secret, ok := strings.Cut(proof, ".")
	return ok && subtle.ConstantTimeCompare(hashOf(secret), hash) == 1
}

// IDOf returns the ID of the token that a proof names.
func IDOf(proof string) string {
	id, _, _ := strings.Cut(proof, ".")
	return id
}

func hashOf(secret string) []byte {
	h := sha256.Sum256([]byte("caravela join token " + secret))
	return h[:]
}
