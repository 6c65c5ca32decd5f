package market

import (
	"fmt"
	"time"
)

// The signed objects' encodings. Field numbers are never reused.

func encResources(e *enc, r *Resources) {
	e.uint(1, uint64(r.CPU))
	e.uint(2, uint64(r.Memory))
	e.uint(3, uint64(r.Disk))
}

func decResources(d *dec, r *Resources) {
	switch d.field {
	case 1:
		r.CPU = MilliCPU(d.upTo(uint64(MaxCPU)))
	case 2:
		r.Memory = Bytes(d.upTo(uint64(MaxBytes)))
	case 3:
		r.Disk = Bytes(d.upTo(uint64(MaxBytes)))
	}
}

func encPlatform(e *enc, p *Platform) { e.str(1, p.OS); e.str(2, p.Arch) }

func decPlatform(d *dec, p *Platform) {
	switch d.field {
	case 1:
		p.OS = d.str(16)
	case 2:
		p.Arch = d.str(16)
	}
}

func encLabel(e *enc, l *Label) { e.str(1, l.Key); e.str(2, l.Value) }

func decLabel(d *dec, l *Label) {
	switch d.field {
	case 1:
		l.Key = d.str(MaxLabel)
	case 2:
		l.Value = d.str(MaxLabel)
	}
}

func encPort(e *enc, p *Port) {
	e.uint(1, uint64(p.Container))
	e.uint(2, uint64(p.Host))
	e.bool(3, p.UDP)
}

func decPort(d *dec, p *Port) {
	switch d.field {
	case 1:
		p.Container = uint16(d.upTo(65535))
	case 2:
		p.Host = uint16(d.upTo(65535))
	case 3:
		p.UDP = d.bool()
	}
}

// seconds keeps durations of days exact and small.
func (e *enc) seconds(field int, v time.Duration) { e.uint(field, uint64(v/time.Second)) }
func (d *dec) seconds() time.Duration             { return time.Duration(d.upTo(1<<32)) * time.Second }

// millis keeps a duration that is not zero from becoming it: zero and below
// zero have meanings of their own.
func (e *enc) millis(field int, v time.Duration) {
	n := int64(v / time.Millisecond)
	switch {
	case n == 0 && v > 0:
		n = 1
	case n == 0 && v < 0:
		n = -1
	}
	e.int(field, n)
}

func (d *dec) millis() time.Duration {
	v := d.int()
	if v < -(1<<42) || v > 1<<42 {
		d.fail("duration out of range")
		return 0
	}
	return time.Duration(v) * time.Millisecond
}

func (e *enc) wall(field int, v Wall) { e.int(field, int64(v)) }

func (d *dec) wall() Wall {
	v := d.int()
	if v < -(1<<48) || v > 1<<48 {
		d.fail("date out of range")
		return 0
	}
	return Wall(v)
}

func encOffer(e *enc, o *Offer) {
	e.uint(1, 1) // version
	e.id(2, o.Network)
	e.id(3, o.Supplier)
	e.uint(4, o.Seq)
	e.sub(5, func(n *enc) { encResources(n, &o.Free) })
	e.sub(6, func(n *enc) { encResources(n, &o.Total) })
	e.sub(7, func(n *enc) { encPlatform(n, &o.Platform) })
	e.uint(8, uint64(o.Class))
	e.uint(9, uint64(o.Reach))
	e.str(10, o.Name)
	each(e, 11, o.Labels, encLabel)
	e.uint(12, uint64(o.PortLow))
	e.uint(13, uint64(o.PortHigh))
	e.seconds(14, o.Longest)
	e.wall(15, o.ValidUntil)
	e.terms(16, o.Terms)
	for _, c := range o.Can {
		e.bytes(17, []byte(c))
	}
	e.str(18, o.Topology)
}

func decOffer(d *dec, o *Offer) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		o.Network = d.id()
	case 3:
		o.Supplier = d.id()
	case 4:
		o.Seq = d.uint()
	case 5:
		d.sub(func(n *dec) { decResources(n, &o.Free) })
	case 6:
		d.sub(func(n *dec) { decResources(n, &o.Total) })
	case 7:
		d.sub(func(n *dec) { decPlatform(n, &o.Platform) })
	case 8:
		o.Class = CPUClass(d.upTo(255))
	case 9:
		o.Reach = Reach(d.upTo(255))
	case 10:
		o.Name = d.str(64)
	case 11:
		add(d, &o.Labels, MaxLabels, decLabel)
	case 12:
		o.PortLow = uint16(d.upTo(65535))
	case 13:
		o.PortHigh = uint16(d.upTo(65535))
	case 14:
		o.Longest = d.seconds()
	case 15:
		o.ValidUntil = d.wall()
	case 16:
		o.Terms = d.terms()
	case 17:
		if len(o.Can) == MaxCan {
			d.fail("too many capabilities")
			return
		}
		o.Can = append(o.Can, d.str(32))
	case 18:
		o.Topology = d.str(MaxTopology)
	}
}

// version refuses objects whose meaning changed; additions do not change it.
func (d *dec) version() {
	if d.uint() != 1 {
		d.fail("version not supported; upgrade this node")
	}
}

func encLease(e *enc, l *Lease) {
	e.uint(1, 1) // version
	e.id(2, l.Network)
	e.id(3, l.Buyer)
	e.id(4, l.Supplier)
	e.id(5, l.First)
	e.id(6, l.Prev)
	e.uint(7, l.OfferSeq)
	e.uint(8, l.Nonce)
	e.sub(9, func(n *enc) { encResources(n, &l.Resources) })
	e.uint(10, uint64(l.Pids))
	e.str(11, l.Image)
	e.str(12, l.Digest)
	each(e, 13, l.Ports, encPort)
	e.id(14, l.SpecHash)
	e.wall(15, l.Start)
	e.wall(16, l.End)
	e.uint(17, uint64(l.Renew))
	e.terms(18, l.Terms)
	e.id(19, l.Hold)
	e.uint(20, uint64(l.MaxCost))
}

func decLease(d *dec, l *Lease) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		l.Network = d.id()
	case 3:
		l.Buyer = d.id()
	case 4:
		l.Supplier = d.id()
	case 5:
		l.First = d.id()
	case 6:
		l.Prev = d.id()
	case 7:
		l.OfferSeq = d.uint()
	case 8:
		l.Nonce = d.uint()
	case 9:
		d.sub(func(n *dec) { decResources(n, &l.Resources) })
	case 10:
		l.Pids = int64(d.upTo(1 << 20))
	case 11:
		l.Image = d.str(MaxImage)
	case 12:
		l.Digest = d.str(256)
	case 13:
		add(d, &l.Ports, MaxPorts, decPort)
	case 14:
		l.SpecHash = d.id()
	case 15:
		l.Start = d.wall()
	case 16:
		l.End = d.wall()
	case 17:
		l.Renew = Renew(d.upTo(255))
	case 18:
		l.Terms = d.terms()
	case 19:
		l.Hold = d.id()
	case 20:
		l.MaxCost = d.amount()
	}
}

func encStatus(e *enc, s *Status) {
	e.uint(1, 1) // version
	e.id(2, s.Lease)
	e.uint(3, s.Seq)
	e.uint(4, uint64(s.State))
	e.uint(5, uint64(s.Reason))
	e.int(6, int64(s.ExitCode))
	e.wall(7, s.At)
	e.uint(8, uint64(s.Restarts))
	e.str(9, s.Detail)
	each(e, 10, s.Ports, encBinding)
	e.str(11, s.Digest)
	e.id(12, s.Prev)
}

func decStatus(d *dec, s *Status) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		s.Lease = d.id()
	case 3:
		s.Seq = d.uint()
	case 4:
		s.State = d.state()
	case 5:
		s.Reason = d.reason()
	case 6:
		s.ExitCode = d.int32()
	case 7:
		s.At = d.wall()
	case 8:
		s.Restarts = uint32(d.upTo(1<<32 - 1))
	case 9:
		s.Detail = d.str(MaxDetail)
	case 10:
		add(d, &s.Ports, MaxPorts*2, decBinding)
	case 11:
		s.Digest = d.str(256)
	case 12:
		s.Prev = d.id()
	}
}

func encBinding(e *enc, b *Binding) {
	e.sub(1, func(n *enc) { encPort(n, &b.Port) })
	e.str(2, b.Addr)
}

func decBinding(d *dec, b *Binding) {
	switch d.field {
	case 1:
		d.sub(func(n *dec) { decPort(n, &b.Port) })
	case 2:
		b.Addr = d.str(64)
	}
}

func encGenesis(e *enc, g *Genesis) {
	e.uint(1, 1) // version
	e.str(2, g.Name)
	e.id(3, g.Creator)
	e.wall(4, g.Created)
	e.raw(5, g.Nonce[:])
	e.bool(6, g.Private)
}

func decGenesis(d *dec, g *Genesis) {
	switch d.field {
	case 1:
		d.version()
	case 2:
		g.Name = d.str(64)
	case 3:
		g.Creator = d.id()
	case 4:
		g.Created = d.wall()
	case 5:
		copy(g.Nonce[:], d.view(16))
	case 6:
		g.Private = d.bool()
	}
}

func encParams(e *enc, p *Params) {
	e.id(1, p.Network)
	e.uint(2, p.Version)
	e.uint(3, uint64(p.Replicas))
	e.millis(4, p.Refresh)
	e.millis(5, p.OfferTTL)
	e.millis(6, p.Resettle)
	e.uint(7, uint64(p.SplitAt))
	e.millis(8, p.Term)
	e.millis(9, p.Grant)
}

func decParams(d *dec, p *Params) {
	switch d.field {
	case 1:
		p.Network = d.id()
	case 2:
		p.Version = d.uint()
	case 3:
		p.Replicas = int(d.upTo(1 << 16))
	case 4:
		p.Refresh = d.millis()
	case 5:
		p.OfferTTL = d.millis()
	case 6:
		p.Resettle = d.millis()
	case 7:
		p.SplitAt = int(d.upTo(1 << 20))
	case 8:
		p.Term = d.millis()
	case 9:
		p.Grant = d.millis()
	}
}

// OpenOffer verifies an offer: bounds, signature, and that the supplier
// itself signed it.
func OpenOffer(envelope []byte) (*SignedOffer, error) { return openOffer(verify, envelope) }

func openOffer(t trust, envelope []byte) (*SignedOffer, error) {
	if len(envelope) > MaxOfferBytes {
		return nil, fmt.Errorf("%w: offer of %d bytes", ErrMalformed, len(envelope))
	}
	o := SignedOffer{Offer: Offer{Wares: &Wares{}}, Envelope: envelope}
	by, _, err := open(t, KindOffer, envelope, decOffer, &o.Offer)
	if err != nil {
		return nil, err
	}
	if by != o.Supplier {
		return nil, impostor(KindOffer, o.Supplier, by)
	}
	return &o, o.Validate()
}

// OpenLease verifies a lease: bounds, the buyer's signature, and the
// supplier's over the same payload if it is there.
func OpenLease(byBuyer, bySupplier []byte) (*SignedLease, error) {
	return openLease(verify, byBuyer, bySupplier)
}

func openLease(t trust, byBuyer, bySupplier []byte) (*SignedLease, error) {
	var l SignedLease
	by, content, err := open(t, KindLease, byBuyer, decLease, &l.Lease)
	if err != nil {
		return nil, err
	}
	if by != l.Buyer {
		return nil, impostor(KindLease, l.Buyer, by)
	}
	l.ID = hash(content)
	if len(bySupplier) > 0 {
		by, same, err := t.envelope(KindLease, bySupplier)
		if err != nil {
			return nil, err
		}
		if by != l.Supplier || hash(same) != l.ID {
			return nil, impostor(KindLease, l.Supplier, by)
		}
	}
	p := payload(encLease, &l.Lease)
	l.ByBuyer, l.BySupplier = proofOf(KindLease, l.Buyer, p, byBuyer), proofOf(KindLease, l.Supplier, p, bySupplier)
	return &l, l.Validate()
}

// OpenStatus verifies a status and tells who signed it; the caller compares
// that with the lease's supplier.
func OpenStatus(envelope []byte) (*SignedStatus, error) { return openStatus(verify, envelope) }

func openStatus(t trust, envelope []byte) (*SignedStatus, error) {
	var s SignedStatus
	by, content, err := open(t, KindStatus, envelope, decStatus, &s.Status)
	if err != nil {
		return nil, err
	}
	s.By, s.Hash = by, hash(content)
	s.Proof = proofOf(KindStatus, by, payload(encStatus, &s.Status), envelope)
	return &s, s.Validate()
}

// OpenNetwork verifies a network's genesis and parameters.
func OpenNetwork(genesis, params []byte) (*SignedNetwork, error) {
	s := SignedNetwork{GenesisEnvelope: genesis, ParamsEnvelope: params}
	creator, _, err := open(verify, KindGenesis, genesis, decGenesis, &s.Genesis)
	if err != nil {
		return nil, err
	}
	by, _, err := open(verify, KindParams, params, decParams, &s.Params)
	switch {
	case err != nil:
		return nil, err
	case creator != s.Genesis.Creator:
		return nil, impostor(KindGenesis, s.Genesis.Creator, creator)
	case by != creator:
		return nil, impostor(KindParams, creator, by)
	case s.Genesis.Name != "" && !ValidName(s.Genesis.Name):
		return nil, fmt.Errorf("%w: network name %q", ErrMalformed, clip(s.Genesis.Name))
	case s.Params.Network != s.ID():
		return nil, fmt.Errorf("%w: parameters of another network", ErrMalformed)
	}
	return &s, s.Params.Validate()
}

// open verifies an envelope and decodes its payload into v.
func open[T any](t trust, k Kind, envelope []byte, decode func(*dec, *T), v *T) (by PeerID, payload []byte, err error) {
	if by, payload, err = t.envelope(k, envelope); err != nil {
		return by, nil, fmt.Errorf("%s: %w", k, err)
	}
	if err := fields(payload, func(d *dec) { decode(d, v) }); err != nil {
		return by, nil, fmt.Errorf("%s: %w", k, err)
	}
	return by, payload, nil
}

func impostor(k Kind, want, got PeerID) error {
	return fmt.Errorf("%w: %s in the name of %s by %s", ErrSignature, k, want.Short(), got.Short())
}
