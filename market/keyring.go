package market

import "crypto/ed25519"

// Keyring is the Sealer of a real node.
type Keyring struct {
	key  ed25519.PrivateKey
	self PeerID
}

// NewKeyring returns a Sealer that signs with key.
func NewKeyring(key ed25519.PrivateKey) *Keyring {
	return &Keyring{key, PeerID(key.Public().(ed25519.PublicKey))}
}

// Self is the peer in whose name the keyring signs.
func (k *Keyring) Self() PeerID { return k.self }

// Offer implements Sealer.
func (k *Keyring) Offer(o Offer) *SignedOffer {
	var e enc
	encOffer(&e, &o)
	return &SignedOffer{o, Seal(k.key, KindOffer, e.b)}
}

// Lease implements Sealer.
func (k *Keyring) Lease(l Lease) *SignedLease {
	var e enc
	encLease(&e, &l)
	return &SignedLease{Lease: l, ID: hash(e.b), ByBuyer: Seal(k.key, KindLease, e.b)}
}

// Countersign implements Sealer. The payload is taken from the buyer's
// envelope as it came: it may hold fields that this version does not know.
func (k *Keyring) Countersign(l *SignedLease) *SignedLease {
	_, payload, err := Open(KindLease, l.ByBuyer)
	if err != nil {
		panic("market: countersign of an unverified lease: " + err.Error())
	}
	c := *l
	c.BySupplier = Seal(k.key, KindLease, payload)
	return &c
}

// Status implements Sealer.
func (k *Keyring) Status(s Status) *SignedStatus {
	var e enc
	encStatus(&e, &s)
	return &SignedStatus{s, k.self, hash(e.b), Seal(k.key, KindStatus, e.b)}
}

// SpecHash implements Sealer.
func (k *Keyring) SpecHash(s *Spec) [32]byte { return HashSpec(s) }

// Found signs a new network's genesis and parameters; params' Network is set here.
func (k *Keyring) Found(g Genesis, params func(NetworkID) Params) *SignedNetwork {
	var e enc
	encGenesis(&e, &g)
	s := &SignedNetwork{Genesis: g, GenesisEnvelope: Seal(k.key, KindGenesis, e.b)}
	s.Params = params(s.ID())
	s.ParamsEnvelope = k.Params(s.Params)
	return s
}

// Params signs parameters; only those of the genesis' creator are believed.
func (k *Keyring) Params(p Params) []byte {
	var e enc
	encParams(&e, &p)
	return Seal(k.key, KindParams, e.b)
}
