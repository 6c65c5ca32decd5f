package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"caravela/docker"
)

// kinds says which of the daemon's messages mean which kind of failure. The
// daemon has no codes for these.
var kinds = []struct {
	text string
	kind error
}{
	{"no space left on device", docker.ErrDiskFull},
	{"disk quota exceeded", docker.ErrDiskFull},
	{"port is already allocated", docker.ErrPortTaken},
	{"address already in use", docker.ErrPortTaken},
	{"cannot assign requested address", docker.ErrPortTaken},
	{"is not running", docker.ErrNotRunning},
	{"unknown or invalid runtime name", docker.ErrUnsupported},
	{"Unknown runtime specified", docker.ErrUnsupported},
	{"storage-opt", docker.ErrUnsupported},
	{"Range of CPUs is from", docker.ErrNoCapacity},
	{"address pool", docker.ErrNoCapacity},
	{"unknown capability", docker.ErrBadUnit},
	{"nvalid signal", docker.ErrBadUnit},
	{"does not match the specified platform", docker.ErrPlatform},
	{"no matching manifest", docker.ErrPlatform},
}

// hostPath matches what a tenant need not know of the supplier's disk.
var hostPath = regexp.MustCompile(`(/[\w.-]+)*/(overlay2|containers|containerd|docker|image|volumes)/[\w./-]*`)

// explain wraps the daemon's error with what was attempted and with the kind
// of failure; other is the kind where the message does not tell.
func explain(attempt string, err, other error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", attempt, err)
	case strings.Contains(err.Error(), "permission denied while trying to connect"):
		return fmt.Errorf("%s: %w: this user may not open its socket; run the node as root, or as a member of the group docker", attempt, docker.ErrEngineDown)
	case isDown(err):
		return fmt.Errorf("%s: %w: %w; start it, such as by systemctl start docker", attempt, docker.ErrEngineDown, err)
	}
	return fmt.Errorf("%s: %w: %s", attempt, kindOf(err, other), scrub(err.Error()))
}

func kindOf(err, other error) error {
	for _, k := range kinds {
		if strings.Contains(err.Error(), k.text) {
			return k.kind
		}
	}
	if cerrdefs.IsNotFound(err) && other == nil {
		return docker.ErrNoSuchUnit
	}
	if other == nil {
		return docker.ErrEngineFailed
	}
	return other
}

func isDown(err error) bool {
	var op *net.OpError
	return client.IsErrConnectionFailed(err) || errors.As(err, &op) || cerrdefs.IsUnavailable(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func scrub(text string) string {
	text = strings.TrimPrefix(text, "Error response from daemon: ")
	return hostPath.ReplaceAllString(text, "...")
}
