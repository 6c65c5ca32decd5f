package fake

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"caravela/docker"
	"caravela/market"
)

// remote is an image in a registry.
type remote struct {
	prog Program
	auth docker.Secret // that it is given for; "" = for none
}

// origin is how a pulled image came.
type origin struct {
	owners map[market.PeerID]bool // whose credentials fetched it; nil = everybody's
	used   time.Time              // last
}

// image finds or pulls.
func (e *Engine) image(ctx context.Context, u *docker.Unit, report func(docker.Progress)) (Program, error) {
	if err := e.d.enter(ctx); err != nil {
		return nil, err
	}
	defer e.d.mu.Unlock()
	if err := e.room(); err != nil {
		return nil, err
	}
	prog, here := e.d.images[u.Spec.Image]
	if o := e.d.pulled[u.Spec.Image]; o != nil && o.owners != nil && !o.owners[u.Owner] {
		here = false
	}
	if here && u.Spec.Pull != market.PullAlways {
		return prog, nil
	}
	if u.Spec.Pull == market.PullNever {
		return nil, errNoImage(u.Spec.Image)
	}
	if raw, err := base64.URLEncoding.DecodeString(string(u.Auth)); err != nil || len(raw) > 0 && !json.Valid(raw) {
		return nil, fmt.Errorf("%w: registry credentials are not base64 of docker's AuthConfig", docker.ErrBadUnit)
	}
	if err := e.admitRegistry(u.Spec.Image); err != nil {
		return nil, err
	}
	if err := e.d.reach(AtPull); err != nil {
		return nil, err
	}
	return e.pull(ctx, u, report)
}

// room refuses while less is free than the supplier keeps. The caller holds d.mu.
func (e *Engine) room() error {
	if e.d.free < e.cfg.DiskFloor {
		return fmt.Errorf("%w: %v are free, and %v shall stay free (offer.disk-floor)", docker.ErrDiskFull, e.d.free, e.cfg.DiskFloor)
	}
	return nil
}

// admitRegistry refuses private addresses. There are no names here.
func (e *Engine) admitRegistry(ref string) error {
	host, _, _ := strings.Cut(ref, "/")
	if a, err := netip.ParseAddrPort(host); err == nil && (a.Addr().IsLoopback() || a.Addr().IsPrivate()) && !e.cfg.LANRegistries {
		return fmt.Errorf("pull %s: %w: the registry is on the supplier's own machine or LAN (offer.lan-registries)", ref, docker.ErrPullFailed)
	}
	return nil
}

// pull is called, and returns, with d.mu held.
func (e *Engine) pull(ctx context.Context, u *docker.Unit, report func(docker.Progress)) (Program, error) {
	ref := u.Spec.Image
	if e.d.strikes(PullStalls) {
		e.d.mu.Unlock()
		<-ctx.Done()
		e.d.mu.Lock()
		return nil, fmt.Errorf("pull %s: %w", ref, ctx.Err())
	}
	if e.d.strikes(PullFails) {
		return nil, fmt.Errorf("pull %s: %w: connection refused; push it to a registry that the supplier can reach", ref, docker.ErrPullFailed)
	}
	there, ok := e.d.remote[ref]
	if !ok || there.auth != "" && there.auth != u.Auth {
		return nil, errNoImage(ref)
	}
	if e.d.full {
		return nil, fmt.Errorf("pull %s: %w", ref, docker.ErrDiskFull)
	}
	e.d.mu.Unlock()
	for done := range 3 {
		report(docker.Progress{State: market.Pulling, Done: market.Bytes(done) * market.MiB, Total: 2 * market.MiB, LayersDone: done / 2, Layers: 1})
	}
	e.d.mu.Lock()
	e.d.brought(u)
	e.d.images[ref] = there.prog
	return there.prog, nil
}

// brought notes whose a pulled image is. The caller holds d.mu.
func (d *Daemon) brought(u *docker.Unit) {
	ref := u.Spec.Image
	_, here := d.images[ref]
	o := d.pulled[ref]
	if o == nil {
		if here {
			return // the supplier's own
		}
		o = &origin{}
		if u.Auth != "" {
			o.owners = map[market.PeerID]bool{}
		}
		d.pulled[ref] = o
	}
	o.used = time.Now()
	switch {
	case u.Auth == "":
		o.owners = nil
	case o.owners != nil:
		o.owners[u.Owner] = true
	}
}

// prune removes pulled images that no unit has needed for a while. The caller
// holds d.mu.
func (e *Engine) prune() {
	if e.cfg.ImagesKeep == 0 {
		return
	}
	for _, u := range e.d.units {
		if o := e.d.pulled[u.Spec.Image]; o != nil {
			o.used = time.Now()
		}
	}
	maps.DeleteFunc(e.d.pulled, func(ref string, o *origin) bool {
		old := time.Since(o.used) >= e.cfg.ImagesKeep
		if old {
			delete(e.d.images, ref)
		}
		return old
	})
}

func errNoImage(ref string) error {
	return fmt.Errorf("%w: %s; the supplier needs it: push it to a registry that the supplier can reach", docker.ErrImageMissing, ref)
}
