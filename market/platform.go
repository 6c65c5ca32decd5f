package market

import (
	"fmt"
	"strings"
)

// Platform is an operating system and an architecture, in Go's names.
type Platform struct{ OS, Arch string }

// String returns "linux/amd64"; "any" for the zero value.
func (p Platform) String() string {
	if p == (Platform{}) {
		return "any"
	}
	return p.OS + "/" + p.Arch
}

// Serves reports whether a machine of platform p runs what asks for want.
func (p Platform) Serves(want Platform) bool {
	return (want.OS == "" || want.OS == p.OS) && (want.Arch == "" || want.Arch == p.Arch)
}

// ParsePlatform reads "linux/amd64". A variant ("linux/arm/v7") is refused.
func ParsePlatform(s string) (Platform, error) {
	os, arch, ok := strings.Cut(s, "/")
	p := Platform{os, arch}
	if !ok || !p.Valid() || os == "" {
		return Platform{}, fmt.Errorf("%w: platform %q is not OS/ARCH such as linux/amd64", ErrBadQuantity, clip(s))
	}
	return p, nil
}

// Valid reports whether both parts are short lower-case words, or both empty.
func (p Platform) Valid() bool {
	for _, s := range []string{p.OS, p.Arch} {
		if len(s) > 16 {
			return false
		}
		for i := range len(s) {
			if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return (p.OS == "") == (p.Arch == "")
}

// CPUClass orders the instruction sets of one architecture: on amd64 the
// x86-64 level (1 to 4, as klauspost/cpuid's X64Level), elsewhere 0. A higher
// class serves a request for a lower one.
type CPUClass uint8

// MaxCPUClass is the highest class that is known.
const MaxCPUClass CPUClass = 4

// String returns "v3"; "any" for 0.
func (c CPUClass) String() string {
	if c == 0 {
		return "any"
	}
	return fmt.Sprintf("v%d", uint8(c))
}

// ParseCPUClass reads "v3" or "3".
func ParseCPUClass(s string) (CPUClass, error) {
	t := strings.TrimPrefix(s, "v")
	if len(t) != 1 || t[0] < '1' || t[0] > '0'+byte(MaxCPUClass) {
		return 0, fmt.Errorf("%w: CPU class %q is not one of v1 to v%d", ErrBadQuantity, clip(s), MaxCPUClass)
	}
	return CPUClass(t[0] - '0'), nil
}
