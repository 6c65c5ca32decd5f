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
	id, env := seal(k, KindLease, encLease, &l)
	return &SignedLease{Lease: l, ID: id, ByBuyer: proofOf(KindLease, l.Buyer, payload(encLease, &l), env)}
}

// Countersign implements Sealer. The payload is taken from the buyer's
// envelope as it came: it may hold fields that this version does not know.
func (k *Keyring) Countersign(l *SignedLease) *SignedLease {
	c := *l
	first, _ := l.Envelopes()
	c.BySupplier = proofOf(KindLease, l.Supplier, payload(encLease, &l.Lease), k.second(KindLease, first))
	return &c
}

// Status implements Sealer.
func (k *Keyring) Status(s Status) *SignedStatus {
	id, proof := prove(k, KindStatus, encStatus, &s)
	return &SignedStatus{s, k.self, id, proof}
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

// Hold implements Sealer.
func (k *Keyring) Hold(h Hold) *SignedHold {
	id, env := seal(k, KindHold, encHold, &h)
	return &SignedHold{h, id, env}
}

// Usage implements Sealer.
func (k *Keyring) Usage(n UsageNote) *SignedUsage {
	id, proof := prove(k, KindUsage, encUsageNote, &n)
	return &SignedUsage{UsageNote: n, By: k.self, Hash: id, BySupplier: proof}
}

// AckUsage implements Sealer.
func (k *Keyring) AckUsage(n *SignedUsage) *SignedUsage {
	c := *n
	first, _ := n.Envelopes()
	c.ByBuyer, c.Buyer = proofOf(KindUsage, k.self, payload(encUsageNote, &n.UsageNote), k.second(KindUsage, first)), k.self
	return &c
}

// Notice implements Sealer.
func (k *Keyring) Notice(n Notice) *SignedNotice {
	_, env := seal(k, KindNotice, encNotice, &n)
	return &SignedNotice{n, k.self, env}
}

// Receipt implements Sealer.
func (k *Keyring) Receipt(r Receipt) *SignedReceipt {
	id, proof := prove(k, KindReceipt, encReceipt, &r)
	return &SignedReceipt{Receipt: r, By: k.self, ID: id, BySupplier: proof}
}

// SignReceipt implements Sealer.
func (k *Keyring) SignReceipt(r *SignedReceipt) *SignedReceipt {
	c := *r
	first, _ := r.Envelopes()
	c.ByBuyer, c.Buyer = proofOf(KindReceipt, k.self, payload(encReceipt, &r.Receipt), k.second(KindReceipt, first)), k.self
	return &c
}

// Settlement implements Sealer.
func (k *Keyring) Settlement(s Settlement) *SignedSettlement {
	id, env := seal(k, KindSettlement, encSettlement, &s)
	return &SignedSettlement{Settlement: s, ID: id, By: k.self, Proposal: env}
}

// SignSettlement implements Sealer.
func (k *Keyring) SignSettlement(s *SignedSettlement) *SignedSettlement {
	c := *s
	c.Answer = k.second(KindSettlement, s.Proposal)
	return &c
}

func seal[T any](k *Keyring, kind Kind, encode func(*enc, *T), v *T) (id [32]byte, envelope []byte) {
	var e enc
	encode(&e, v)
	return hash(e.b), Seal(k.key, kind, e.b)
}

// prove signs a payload that is encoded anew whenever its envelope is needed.
func prove[T any](k *Keyring, kind Kind, encode func(*enc, *T), v *T) (id [32]byte, p Proof) {
	b := payload(encode, v)
	return hash(b), Proof(ed25519.Sign(k.key, signed(kind, b)))
}

// second signs the payload of another's envelope as it came: it may hold
// fields that this version does not know.
func (k *Keyring) second(kind Kind, first []byte) []byte {
	_, payload, err := Open(kind, first)
	if err != nil {
		panic("market: countersign of an unverified " + string(kind) + ": " + err.Error())
	}
	return Seal(k.key, kind, payload)
}
