package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"caravela/docker"
	"caravela/market"
)

// Marks are tags, of a host that cannot exist, on images that this package has
// pulled. So they are seen by every node on the daemon, live exactly as long
// as the image, and say when the image was last needed: setting a tag anew sets
// its date. Behind each stands the beginning of the image's ID, since a tag
// belongs to one image.
//
//	caravela.invalid/pulled/<hash of the reference>   pulled by that name; to be removed some day
//	caravela.invalid/for/<hash of a tenant>           pulled with the credentials of that tenant, not for others
const (
	markHost   = "caravela.invalid/"
	markPulled = markHost + "pulled/"
	markFor    = markHost + "for/"
)

// marks are what an image's tags say.
type marks struct {
	pulled []string // hashes of references
	owners []string // hashes of tenants; none = everybody's
	own    []string // the marks themselves
	others []string // all other tags
}

func marksOf(tags []string) (m marks) {
	for _, t := range tags {
		name, _, _ := strings.Cut(t, ":") // the host of a mark has no port
		if h, ok := strings.CutPrefix(name, markPulled); ok {
			m.pulled = append(m.pulled, h)
		} else if h, ok := strings.CutPrefix(name, markFor); ok {
			m.owners = append(m.owners, h)
		} else {
			m.others = append(m.others, t)
			continue
		}
		m.own = append(m.own, t)
	}
	return m
}

// admits reports whether a tenant may use the image without asking its
// registry.
func (m *marks) admits(owner market.PeerID) bool {
	return len(m.owners) == 0 || slices.Contains(m.owners, ownerMark(owner))
}

// brought reports whether a name was given to the image by a pull of ours.
func (m *marks) brought(name string) bool { return slices.Contains(m.pulled, nameMark(name)) }

// foreign reports whether the image has a name that no pull of ours, but for
// the one by this name, has given it.
func (m *marks) foreign(name string) bool {
	return slices.ContainsFunc(m.others, func(t string) bool { return t != name && !m.brought(t) })
}

// from reports whether a pull of ours has brought the image from a registry.
func (m *marks) from(domain string, digests []string) bool {
	return slices.ContainsFunc(slices.Concat(m.others, digests), func(t string) bool {
		name, err := reference.ParseNormalizedNamed(t)
		return err == nil && m.brought(t) && reference.Domain(name) == domain
	})
}

func ownerMark(owner market.PeerID) string { return short(16, owner[:]) }
func nameMark(name string) string          { return short(16, []byte(name)) }

// tag completes a mark for an image.
func tag(mark string, img *image.InspectResponse) string {
	_, hex, _ := strings.Cut(img.ID, ":")
	return mark + ":" + hex[:min(12, len(hex))]
}

// mark notes what a pull has brought; was is what had the name before, with an
// empty ID if nothing had. What the supplier itself has stays everybody's.
func (e *Engine) mark(ctx context.Context, u *docker.Unit, name reference.Named, was, img *image.InspectResponse) error {
	familiar := reference.FamiliarString(name)
	before, m := marksOf(was.RepoTags), marksOf(img.RepoTags)
	if !m.admits(u.Owner) && !m.from(reference.Domain(name), img.RepoDigests) {
		// The daemon fetches nothing that it has. So a registry of the tenant's own
		// need only name another tenant's image: that proves no right to it.
		return fmt.Errorf("%w: the image came from another registry, with other tenants' credentials; name it as that registry does", docker.ErrImageMissing)
	}
	ours := was.ID == "" || before.brought(familiar)       // the name is
	fresh := was.ID != img.ID && !m.foreign(familiar)      // the image is, or was pulled before
	known := len(m.pulled) > 0 || len(m.owners) > 0        // pulled before
	private := len(m.owners) > 0 || u.Auth != "" && !known // it was not everybody's already
	var add []string
	if fresh && ours {
		add = append(add, markPulled+nameMark(familiar))
	}
	switch {
	case u.Auth == "": // anybody may pull it
		for _, o := range m.owners {
			if err := e.untag(ctx, tag(markFor+o, img)); err != nil {
				return err
			}
		}
	case private && (fresh || known):
		add = append(add, markFor+ownerMark(u.Owner))
	}
	for _, a := range add {
		if err := e.api.ImageTag(ctx, img.ID, tag(a, img)); err != nil {
			return explain("mark the pulled image", err, docker.ErrPullFailed)
		}
	}
	return nil
}

func (e *Engine) untag(ctx context.Context, ref string) error {
	_, err := e.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return explain("remove image "+ref, err, docker.ErrEngineFailed)
}

// touch dates a pulled image's last use to now.
func (e *Engine) touch(ctx context.Context, id string) {
	img, err := e.api.ImageInspect(ctx, id)
	if err != nil {
		return
	}
	if m := marksOf(img.RepoTags); len(m.own) > 0 {
		_ = e.api.ImageTag(ctx, img.ID, m.own[0]) // else it goes a little early
	}
}

// pruneEvery is how often images are looked through at most.
const pruneEvery = 10 * time.Minute

// prune removes pulled images that no container has needed for a while.
func (e *Engine) prune(ctx context.Context) {
	keep := e.cfg.ImagesKeep
	last, now := e.pruned.Load(), time.Now()
	if keep == 0 || now.Sub(time.Unix(0, last)) < min(keep/4, pruneEvery) || !e.pruned.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	images, err := e.api.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return
	}
	units, err := e.api.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return
	}
	for _, i := range images {
		m := marksOf(i.RepoTags)
		used := slices.ContainsFunc(units, func(c container.Summary) bool { return c.ImageID == i.ID })
		if len(m.pulled) == 0 || used {
			continue
		}
		img, err := e.api.ImageInspect(ctx, i.ID)
		if err != nil || img.Metadata.LastTagTime.IsZero() || now.Sub(img.Metadata.LastTagTime) < keep {
			continue
		}
		_ = e.drop(ctx, &img) // the next time, else
	}
}

// drop removes the names that pulls have given an image, and with the last one
// the image. One that has the supplier's own names too stays under these, and
// as private as it was.
func (e *Engine) drop(ctx context.Context, img *image.InspectResponse) error {
	m := marksOf(img.RepoTags)
	var errs []error
	for _, name := range slices.Concat(m.others, img.RepoDigests) {
		if m.brought(name) {
			errs = append(errs, e.untag(ctx, name))
		}
	}
	for _, own := range m.own {
		if strings.HasPrefix(own, markPulled) || !m.foreign("") {
			errs = append(errs, e.untag(ctx, own))
		}
	}
	return errors.Join(errs...)
}

// errNotYours is for a tenant that names an image which is here for others.
func errNotYours(ref string) error {
	return fmt.Errorf("%w: %s: the supplier has it with other tenants' credentials only, and --pull never forbids to ask for it with yours; %s",
		docker.ErrImageMissing, ref, advice)
}
