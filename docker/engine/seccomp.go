package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/system"
)

// builtinProfile is what the daemon calls its own seccomp profile, by age.
var builtinProfile = [...]string{"default", "builtin"}

// usesBuiltin reports whether containers get the daemon's own profile, not one
// of the supplier's.
func usesBuiltin(in *system.Info) bool {
	return slices.ContainsFunc(builtinProfile[:], func(name string) bool {
		return slices.Contains(in.SecurityOptions, "name=seccomp,profile="+name)
	})
}

// securityOptions are what keeps a tenant's processes from the kernel. Where
// the daemon would use its own profile, they narrow that to the system calls
// of the image's own architecture: the entries for 32-bit programs are a second
// kernel interface, seldom used and often attacked, and they make the filter
// three times as long, which costs each start some milliseconds. A profile that
// the supplier has chosen for the daemon is left alone.
func (e *Engine) securityOptions(ctx context.Context, img *image.InspectResponse) ([]string, error) {
	options := []string{"no-new-privileges"}
	if e.cfg.Programs32 || e.profile == "" {
		return options, nil
	}
	known, err := e.known(ctx)
	if err != nil {
		return nil, err
	}
	if known.builtin && known.arch == img.Architecture {
		options = append(options, seccompOption+e.profile)
	}
	return options, nil
}

const seccompOption = "seccomp="

// shortOption keeps a profile's text out of what a tenant is shown.
func shortOption(option any) any {
	if s, ok := option.(string); ok && strings.HasPrefix(s, seccompOption) {
		return seccompOption + "native"
	}
	return option
}
