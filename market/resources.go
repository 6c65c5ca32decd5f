package market

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrBadQuantity is returned by the parsers of this file.
var ErrBadQuantity = errors.New("market: malformed quantity")

// MilliCPU counts thousandths of one CPU core.
type MilliCPU int64

// Bytes counts bytes of memory or disk.
type Bytes int64

// Binary multiples of a byte.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
)

// Upper bounds that no honest machine reaches; larger claims are malformed.
const (
	MaxCPU   MilliCPU = 1 << 20 // about a thousand cores
	MaxBytes Bytes    = 1 << 50
)

// Resources is an amount of each thing that is bought and sold.
type Resources struct {
	CPU    MilliCPU // thousandths of a core
	Memory Bytes
	Disk   Bytes // writable layer and named volumes; 0 where the engine cannot bound it
}

// Add returns r + s.
func (r Resources) Add(s Resources) Resources {
	return Resources{r.CPU + s.CPU, r.Memory + s.Memory, r.Disk + s.Disk}
}

// Sub returns r - s; a part may become negative.
func (r Resources) Sub(s Resources) Resources {
	return Resources{r.CPU - s.CPU, r.Memory - s.Memory, r.Disk - s.Disk}
}

// Fits reports whether need can be taken from r.
func (r Resources) Fits(need Resources) bool {
	return need.CPU <= r.CPU && need.Memory <= r.Memory && need.Disk <= r.Disk
}

// Scale returns n times r.
func (r Resources) Scale(n int) Resources {
	return Resources{r.CPU * MilliCPU(n), r.Memory * Bytes(n), r.Disk * Bytes(n)}
}

// Valid reports whether every part lies within its bounds.
func (r Resources) Valid() bool {
	return r.CPU >= 0 && r.CPU <= MaxCPU && r.Memory >= 0 && r.Memory <= MaxBytes && r.Disk >= 0 && r.Disk <= MaxBytes
}

// IsZero reports whether r is nothing at all.
func (r Resources) IsZero() bool { return r == Resources{} }

// String returns a form like "2 cpu / 512m".
func (r Resources) String() string {
	var room [48]byte
	b := append(r.CPU.append(room[:0]), " cpu / "...)
	b = r.Memory.append(b)
	if r.Disk > 0 {
		b = append(r.Disk.append(append(b, " / "...)), " disk"...)
	}
	return string(b)
}

// String returns cores in decimal, without trailing zeros: "0.5", "2".
func (c MilliCPU) String() string { return string(c.append(nil)) }

func (c MilliCPU) append(b []byte) []byte {
	if c < 0 {
		b, c = append(b, '-'), -c
	}
	b = strconv.AppendInt(b, int64(c/1000), 10)
	if part := c % 1000; part > 0 {
		b = append(b, '.', byte('0'+part/100), byte('0'+part/10%10), byte('0'+part%10))
		b = bytes.TrimRight(b, "0")
	}
	return b
}

// String returns the largest unit that divides b evenly, else one decimal:
// "64m", "1.5g".
func (b Bytes) String() string { return string(b.append(nil)) }

func (b Bytes) append(to []byte) []byte {
	if b < 0 {
		to, b = append(to, '-'), max(-b, 0)
	}
	for _, u := range []struct {
		size Bytes
		name string
	}{{TiB, "t"}, {GiB, "g"}, {MiB, "m"}, {KiB, "k"}} {
		if b < u.size {
			continue
		}
		if b%u.size == 0 {
			return append(strconv.AppendInt(to, int64(b/u.size), 10), u.name...)
		}
		to = append(strconv.AppendInt(to, int64(b/u.size), 10), '.', byte('0'+b%u.size*10/u.size))
		return append(to, u.name...)
	}
	return append(strconv.AppendInt(to, int64(b), 10), 'b')
}

// ParseCPU reads cores as docker's --cpus does: "2", "0.5", ".25". More than
// three decimals are refused, because they cannot be kept.
func ParseCPU(s string) (MilliCPU, error) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) > 3 || whole+frac == "" || len(whole) > 6 || !digits(whole) || !digits(frac) {
		return 0, fmt.Errorf("%w: %q is not a number of CPUs such as 0.5 or 2", ErrBadQuantity, clip(s))
	}
	n, _ := strconv.ParseInt("0"+whole+(frac + "000")[:3], 10, 64)
	if MilliCPU(n) > MaxCPU {
		return 0, fmt.Errorf("%w: %q CPUs are more than any machine has", ErrBadQuantity, clip(s))
	}
	return MilliCPU(n), nil
}

// ParseBytes reads sizes as docker does: "512m", "2g", "1.5g", "1048576",
// "64MiB", "64mb"; all units are binary.
func ParseBytes(s string) (Bytes, error) {
	bad := fmt.Errorf("%w: %q is not a size such as 512m or 2g", ErrBadQuantity, clip(s))
	t, iec := strings.CutSuffix(strings.TrimSuffix(strings.ToLower(s), "b"), "i")
	unit := Bytes(1)
	if n := len(t); n > 0 {
		switch t[n-1] {
		case 'k':
			unit = KiB
		case 'm':
			unit = MiB
		case 'g':
			unit = GiB
		case 't':
			unit = TiB
		}
	}
	switch {
	case unit > 1:
		t = t[:len(t)-1]
	case iec:
		return 0, bad
	}
	whole, frac, _ := strings.Cut(t, ".")
	if whole+frac == "" || len(whole) > 16 || len(frac) > 6 || !digits(whole) || !digits(frac) {
		return 0, bad
	}
	n, _ := strconv.ParseInt("0"+whole, 10, 64)
	f, _ := strconv.ParseInt("0"+(frac + "000000")[:6], 10, 64)
	size := min(Bytes(n), MaxBytes/unit+1)*unit + Bytes(f)*unit/1_000_000
	if size > MaxBytes {
		return 0, fmt.Errorf("%w: %q is larger than any machine has", ErrBadQuantity, clip(s))
	}
	return size, nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
