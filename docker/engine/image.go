package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"

	"caravela/docker"
	"caravela/market"
)

// advice is for a buyer whose image is only on the buyer's machine.
const advice = "the supplier must fetch the image or have it: push it to a registry that the supplier can reach " +
	"and name it with that registry's host, pass your docker login on if it is private (--with-registry-auth), or choose a supplier that already has it (--on)"

func errNoImage(ref, why string) error {
	return fmt.Errorf("%w: %s: %s; %s", docker.ErrImageMissing, ref, why, advice)
}

// image makes sure that the unit's image is here, and returns its description.
func (e *Engine) image(ctx context.Context, u *docker.Unit, report func(docker.Progress)) (image.InspectResponse, error) {
	ref, err := reference.ParseNormalizedNamed(u.Spec.Image)
	if err != nil {
		return image.InspectResponse{}, fmt.Errorf("%w: image %q: %w", docker.ErrBadUnit, u.Spec.Image, err)
	}
	ref = reference.TagNameOnly(ref)
	was, err := e.present(ctx, ref, u)
	if err != nil {
		return image.InspectResponse{}, err
	}
	if was.ID != "" && u.Spec.Pull != market.PullAlways {
		m := marksOf(was.RepoTags)
		here, fits := m.admits(u.Owner), checkPlatform(&was, u)
		switch {
		case here && (fits == nil || u.Spec.Pull == market.PullNever):
			return was, fits
		case u.Spec.Pull == market.PullNever:
			return was, errNotYours(u.Spec.Image)
		} // else the registry decides, and may have another platform's
	}
	return e.fetch(ctx, ref, u, &was, report)
}

// present looks for an image; one that is not here has no ID. It waits while
// another tenant's credentials fetch from the same repository, until that is
// marked.
func (e *Engine) present(ctx context.Context, ref reference.Named, u *docker.Unit) (image.InspectResponse, error) {
	release, err := e.locks.share(ctx, "image "+ref.Name())
	if err != nil {
		return image.InspectResponse{}, fmt.Errorf("look for image %s: %w", u.Spec.Image, err)
	}
	defer release()
	img, err := e.api.ImageInspect(ctx, ref.String())
	switch {
	case err == nil:
		return img, nil
	case !cerrdefs.IsNotFound(err):
		return img, explain("look for image "+u.Spec.Image, err, nil)
	case u.Spec.Pull == market.PullNever:
		return img, errNoImage(u.Spec.Image, "not on the supplier, and --pull never forbids to fetch it")
	}
	return image.InspectResponse{}, nil
}

// fetch pulls an image and marks what came.
func (e *Engine) fetch(ctx context.Context, ref reference.Named, u *docker.Unit, was *image.InspectResponse, report func(docker.Progress)) (img image.InspectResponse, err error) {
	if err := e.admitRegistry(ctx, ref); err != nil {
		return img, err
	}
	hold := e.locks.share
	if u.Auth != "" {
		hold = e.locks.alone
	}
	release, err := hold(ctx, "image "+ref.Name())
	if err != nil {
		return img, fmt.Errorf("pull %s: %w", u.Spec.Image, err)
	}
	defer release()
	if err := e.pull(ctx, ref.String(), u, report); err != nil {
		return img, err
	}
	// What came is marked, even if ctx has ended meanwhile.
	mark, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cleanup)
	defer cancel()
	if img, err = e.api.ImageInspect(mark, ref.String()); err != nil {
		return img, explain("look for image "+u.Spec.Image, err, docker.ErrPullFailed)
	}
	if err := e.mark(mark, u, ref, was, &img); err != nil {
		if was.ID != img.ID {
			err = errors.Join(err, e.untag(mark, ref.String()))
		}
		return img, err
	}
	return img, checkPlatform(&img, u)
}

func checkPlatform(img *image.InspectResponse, u *docker.Unit) error {
	has := market.Platform{OS: img.Os, Arch: img.Architecture}
	if has.Arch == "" || has.Serves(u.Spec.Platform) {
		return nil
	}
	return fmt.Errorf("%w: the supplier's %s is for %v, asked for was %v", docker.ErrPlatform, u.Spec.Image, has, u.Spec.Platform)
}

// pull fetches an image with the unit's credentials, which go nowhere else.
func (e *Engine) pull(ctx context.Context, name string, u *docker.Unit, report func(docker.Progress)) error {
	auth, err := registryAuth(u.Auth)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	o := image.PullOptions{RegistryAuth: auth}
	if u.Spec.Platform.OS != "" {
		o.Platform = u.Spec.Platform.String()
	}
	body, err := e.api.ImagePull(ctx, name, o)
	if err == nil {
		defer body.Close()
		err = followPull(body, func(p docker.Progress) {
			report(p)
			if full := e.room(ctx); full != nil {
				stop(full)
			}
		})
	}
	if full := context.Cause(ctx); errors.Is(full, docker.ErrDiskFull) {
		return fmt.Errorf("pull %s: %w", u.Spec.Image, full)
	}
	return e.explainPull(ctx, u.Spec.Image, err)
}

// registryAuth turns either base64 alphabet into the one that the API takes.
func registryAuth(s docker.Secret) (string, error) {
	if s == "" {
		return "", nil
	}
	text := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(string(s), "="))
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || !json.Valid(raw) || len(raw) > 64<<10 {
		return "", fmt.Errorf("%w: registry credentials are not base64 of docker's AuthConfig", docker.ErrBadUnit)
	}
	return base64.URLEncoding.EncodeToString(raw), nil
}

func (e *Engine) explainPull(ctx context.Context, ref string, err error) error {
	attempt := "pull " + ref
	if err == nil || ctx.Err() != nil || isDown(err) {
		return explain(attempt, errors.Join(err, ctx.Err()), nil)
	}
	text := err.Error()
	for _, sign := range []string{"manifest unknown", "not found", "does not exist", "name unknown", "repository name not known"} {
		if cerrdefs.IsNotFound(err) || strings.Contains(text, sign) {
			return errNoImage(ref, "the registry does not have it, or not for these credentials: "+scrub(text))
		}
	}
	err = explain(attempt, err, docker.ErrPullFailed)
	if errors.Is(err, docker.ErrPullFailed) {
		err = fmt.Errorf("%w; %s", err, advice)
	}
	return err
}

// pullMessage is one line of a pull's answer.
type pullMessage struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Error    string `json:"error"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
}

// followPull reads a pull's answer to its end and adds up its layers. It
// reports a few times a second at most, and at the end.
func followPull(body io.Reader, report func(docker.Progress)) error {
	var (
		d    = json.NewDecoder(body)
		sum  = layers{}
		last time.Time
	)
	for {
		var m pullMessage
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			report(sum.progress())
			return nil
		} else if err != nil {
			return fmt.Errorf("read the engine's answer: %w", err)
		}
		if m.Error != "" {
			return errors.New(m.Error)
		}
		sum.add(&m)
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond {
			last = now
			report(sum.progress())
		}
	}
}

// layers are the layers of an image under way, by their short digests.
type layers map[string]*layer

type layer struct {
	done, total int64
	complete    bool
}

func (ls layers) add(m *pullMessage) {
	l := ls[m.ID]
	switch {
	case m.Status == "Pulling fs layer" || m.Status == "Already exists":
		l = &layer{}
		ls[m.ID] = l
	case l == nil:
		return // of the image, not of a layer
	}
	switch m.Status {
	case "Downloading":
		l.done, l.total = m.Progress.Current, m.Progress.Total
	case "Download complete", "Extracting":
		l.done = l.total
	case "Pull complete", "Already exists":
		l.done, l.complete = l.total, true
	}
}

func (ls layers) progress() docker.Progress {
	p := docker.Progress{State: market.Pulling, Layers: len(ls)}
	for _, l := range ls {
		p.Done += market.Bytes(l.done)
		p.Total += market.Bytes(l.total)
		if l.complete {
			p.LayersDone++
		}
	}
	return p
}

// digestOf is the manifest's digest under the name that was asked for, else
// the ID of the image.
func digestOf(img *image.InspectResponse, ref string) string {
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		for _, d := range img.RepoDigests {
			if at, err := reference.ParseNormalizedNamed(d); err == nil && at.Name() == named.Name() {
				if c, ok := at.(reference.Canonical); ok {
					return c.Digest().String()
				}
			}
		}
	}
	return img.ID
}
