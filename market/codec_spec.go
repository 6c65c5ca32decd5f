package market

import "fmt"

func encSpec(e *enc, s *Spec) {
	e.str(1, s.Image)
	e.str(2, s.Name)
	e.sub(3, func(n *enc) { encPlatform(n, &s.Platform) })
	e.strs(4, s.Command)
	e.strs(5, s.Entrypoint)
	e.strs(6, s.Env)
	e.str(7, s.User)
	e.str(8, s.WorkDir)
	e.str(9, s.Hostname)
	each(e, 10, s.Ports, encPort)
	each(e, 11, s.Mounts, func(n *enc, m *Mount) {
		n.str(1, m.Volume)
		n.str(2, m.Target)
		n.bool(3, m.ReadOnly)
		n.bool(4, m.Keep)
	})
	each(e, 12, s.Labels, encLabel)
	e.sub(13, func(n *enc) { encResources(n, &s.Limits) })
	e.uint(14, uint64(s.Pids))
	e.uint(15, uint64(s.Restart.Policy))
	e.uint(16, uint64(s.Restart.Max))
	e.sub(17, func(n *enc) {
		n.str(1, s.Health.Command)
		n.bool(2, s.Health.Disable)
		n.millis(3, s.Health.Interval)
		n.millis(4, s.Health.Timeout)
		n.millis(5, s.Health.Start)
		n.uint(6, uint64(s.Health.Retries))
	})
	e.str(18, s.StopSignal)
	e.millis(19, s.StopGrace)
	e.uint(20, uint64(s.Pull))
	e.bool(21, s.TTY)
	e.bool(22, s.Stdin)
	e.bool(23, s.ReadOnly)
	e.strs(24, s.CapDrop)
	e.bool(25, s.Remove)
}

func decSpec(d *dec, s *Spec) {
	switch d.field {
	case 1:
		s.Image = d.str(MaxImage)
	case 2:
		s.Name = d.str(64)
	case 3:
		d.sub(func(n *dec) { decPlatform(n, &s.Platform) })
	case 4:
		d.addStr(&s.Command, MaxSpecStrings, MaxSpecString)
	case 5:
		d.addStr(&s.Entrypoint, MaxSpecStrings, MaxSpecString)
	case 6:
		d.addStr(&s.Env, MaxSpecStrings, MaxSpecString)
	case 7:
		s.User = d.str(4096)
	case 8:
		s.WorkDir = d.str(4096)
	case 9:
		s.Hostname = d.str(4096)
	case 10:
		add(d, &s.Ports, MaxPorts, decPort)
	case 11:
		add(d, &s.Mounts, MaxMounts, decMount)
	case 12:
		add(d, &s.Labels, MaxLabels, decLabel)
	case 13:
		d.sub(func(n *dec) { decResources(n, &s.Limits) })
	case 14:
		s.Pids = int64(d.upTo(1 << 20))
	case 15:
		s.Restart.Policy = RestartPolicy(d.upTo(255))
	case 16:
		s.Restart.Max = int(d.upTo(1 << 16))
	case 17:
		d.sub(func(n *dec) { decHealth(n, &s.Health) })
	case 18:
		s.StopSignal = d.str(MaxSignal)
	case 19:
		s.StopGrace = d.millis()
	case 20:
		s.Pull = Pull(d.upTo(255))
	case 21:
		s.TTY = d.bool()
	case 22:
		s.Stdin = d.bool()
	case 23:
		s.ReadOnly = d.bool()
	case 24:
		d.addStr(&s.CapDrop, MaxSpecStrings, 64)
	case 25:
		s.Remove = d.bool()
	}
}

func decMount(d *dec, m *Mount) {
	switch d.field {
	case 1:
		m.Volume = d.str(64)
	case 2:
		m.Target = d.str(4096)
	case 3:
		m.ReadOnly = d.bool()
	case 4:
		m.Keep = d.bool()
	}
}

func decHealth(d *dec, h *Health) {
	switch d.field {
	case 1:
		h.Command = d.str(4096)
	case 2:
		h.Disable = d.bool()
	case 3:
		h.Interval = d.millis()
	case 4:
		h.Timeout = d.millis()
	case 5:
		h.Start = d.millis()
	case 6:
		h.Retries = int(d.upTo(1 << 16))
	}
}

// EncodeSpec returns the one encoding of s.
func EncodeSpec(s *Spec) []byte {
	var e enc
	encSpec(&e, s)
	return e.b
}

// DecodeSpec reads and validates what EncodeSpec wrote.
func DecodeSpec(b []byte) (*Spec, error) {
	if len(b) > MaxSpecBytes {
		return nil, fmt.Errorf("%w: container of %d bytes", ErrMalformed, len(b))
	}
	var s Spec
	if err := fields(b, func(d *dec) { decSpec(d, &s) }); err != nil {
		return nil, fmt.Errorf("container: %w", err)
	}
	return &s, s.Validate()
}

// PackedSpec is an encoded Spec. A supplier keeps one for each container that
// it runs: it takes a fraction of the memory.
type PackedSpec string

// Pack returns s as it is kept.
func Pack(s *Spec) PackedSpec { return PackedSpec(EncodeSpec(s)) }

// Unpack returns what was packed.
func (p PackedSpec) Unpack() *Spec {
	var s Spec
	if err := fields([]byte(p), func(d *dec) { decSpec(d, &s) }); err != nil {
		panic("market: unpack of what was not packed: " + err.Error())
	}
	return &s
}

// HashSpec is the SHA-256 of s's encoding: what a lease's SpecHash holds.
func HashSpec(s *Spec) [32]byte { return hash(EncodeSpec(s)) }
