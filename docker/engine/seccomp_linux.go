package engine

import (
	"encoding/json"
	"fmt"

	"github.com/moby/profiles/seccomp"
)

// nativeProfile is Docker's own list of system calls without those of foreign
// architectures.
func nativeProfile() (string, error) {
	p := seccomp.DefaultProfile()
	for i := range p.ArchMap {
		p.ArchMap[i].SubArches = nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("write the seccomp profile: %w", err)
	}
	return string(text), nil
}
