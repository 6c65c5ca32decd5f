package engine

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"caravela/docker"
)

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// checkCommand refuses a command that the created container does not have.
// Without an init the daemon would say so at the start; with one, the start
// succeeds and the container ends with 127. What the image itself names is
// believed to be there: a look costs some milliseconds.
func (e *Engine) checkCommand(ctx context.Context, u *docker.Unit, img *image.InspectResponse) error {
	word := chosenCommand(u, img)
	if word == "" || e.cfg.NoInit {
		return nil
	}
	for _, file := range candidates(word, u, img) {
		stat, err := e.api.ContainerStatPath(ctx, e.container(u.Lease), file)
		switch {
		case cerrdefs.IsNotFound(err):
			continue
		case err == nil && !executable(stat.Mode):
			return fmt.Errorf("start container: %w: %s is not executable", docker.ErrStartFailed, file)
		}
		return nil // where the look failed the start tells
	}
	return fmt.Errorf("start container: %w: the image has no executable %q", docker.ErrStartFailed, word)
}

// executable believes of symbolic links that they lead to something.
func executable(mode fs.FileMode) bool {
	return mode&fs.ModeSymlink != 0 || !mode.IsDir() && mode&0o111 != 0
}

// checkWorkDir refuses a start in /proc. Runtimes have leaked descriptors of
// the host into the process that changes its directory there; nobody else
// needs it.
func checkWorkDir(dir string, img *image.InspectResponse) error {
	if dir == "" && img != nil && img.Config != nil {
		dir = img.Config.WorkingDir
	}
	if clean := path.Join("/", dir); clean == "/proc" || strings.HasPrefix(clean, "/proc/") {
		return fmt.Errorf("%w: the working directory %q is in /proc; choose another one", docker.ErrBadUnit, dir)
	}
	return nil
}

// chosenCommand is the first word of what will run, if the unit and not the
// image chose it.
func chosenCommand(u *docker.Unit, img *image.InspectResponse) string {
	if len(u.Spec.Entrypoint) > 0 && u.Spec.Entrypoint[0] != "" {
		return u.Spec.Entrypoint[0]
	}
	if img.Config != nil && len(img.Config.Entrypoint) == 0 && len(u.Spec.Command) > 0 {
		return u.Spec.Command[0]
	}
	return ""
}

// candidates are the files that the word may mean, as execvp would look.
func candidates(word string, u *docker.Unit, img *image.InspectResponse) []string {
	dir, search, env := u.Spec.WorkDir, defaultPath, u.Spec.Env
	if img.Config != nil {
		env = append(append([]string(nil), img.Config.Env...), env...)
		if dir == "" {
			dir = img.Config.WorkingDir
		}
	}
	if strings.Contains(word, "/") {
		if !path.IsAbs(word) {
			word = path.Join("/", dir, word)
		}
		return []string{word}
	}
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = v
		}
	}
	var out []string
	for d := range strings.SplitSeq(search, ":") {
		if path.IsAbs(d) && len(out) < 16 {
			out = append(out, path.Join(d, word))
		}
	}
	return out
}
