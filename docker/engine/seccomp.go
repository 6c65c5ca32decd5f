package engine

import (
	"context"
	"strings"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/system"
)

// builtinProfile is what the daemon calls its own seccomp profile, by age.
var builtinProfile = [...]string{"default", "builtin"}

// abi is what launches must know of the daemon's system calls.
type abi struct {
	arch string // as Go calls it
	own  bool   // containers get the daemon's own profile, not one of the supplier's
}

// learn remembers what Info has brought.
func (e *Engine) learn(in *system.Info) abi {
	a := abi{arch: goArch(in.Architecture)}
	for _, option := range in.SecurityOptions {
		for _, name := range builtinProfile {
			a.own = a.own || option == "name=seccomp,profile="+name
		}
	}
	e.abi.Store(&a)
	return a
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
	a := e.abi.Load()
	if a == nil { // nobody has asked for Info yet
		in, err := e.api.Info(ctx)
		if err != nil {
			return nil, explain("ask for the engine's state", err, nil)
		}
		a = new(e.learn(&in))
	}
	if a.own && a.arch == img.Architecture {
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
