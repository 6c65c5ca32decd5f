package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newRun(a *app) *cobra.Command {
	var r runFlags
	cmd := &cobra.Command{
		Use:   "run [FLAGS] IMAGE [FLAGS] [COMMAND [ARG...]]",
		Short: "Lease a place on another node and run a container there",
		Long: `Searches the market for a supplier, leases what the container needs, and runs
it there. Flags may stand before the image or straight after it; the first bare
word after the image begins the container's command, and everything from there
on is passed as it is. A command that begins with a dash stands after "--".

A container gets 1 CPU and 256m of memory unless --cpus and -m say otherwise.

Without -d the container's output is shown and the exit code is the
container's; 125 when it could not be placed, 126 and 127 when its command could
not be started. With -d the exit code is 2 when nothing fits.`,
		Example: `  caravela run --rm alpine echo hello
  caravela run -it --rm alpine sh
  caravela run -d web --cpus 0.5 -m 64m -p 8080:80
  caravela run -d --replicas 3 --spread --constraint node.labels.region==eu web
  caravela run -d -v data:/var/lib/db:keep --restart always --name db db
  caravela run --dry-run --cpus 8 -m 16g web`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	r.register(cmd, a)
	refused := refuseFlags(cmd.Flags())
	cmd.Flags().SetInterspersed(false)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		image, command, err := splitRun(cmd, args)
		if err == nil {
			err = refused()
		}
		if err == nil {
			err = a.checkOutput() // -o may have stood after the image
		}
		if err == nil {
			err = a.runContainer(cmd, &r, image, command)
		}
		return runError(err, r.detach || r.dryRun)
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return runError(flagError(cmd, err), r.detach) })
	return cmd
}

// splitRun finds the image and the command, reading the flags between them.
func splitRun(cmd *cobra.Command, args []string) (image string, command []string, err error) {
	if len(args) == 0 {
		return "", nil, advise(errors.New("no image is named"), "caravela run IMAGE, or %s --help", cmd.CommandPath())
	}
	image, command = args[0], args[1:]
	if cmd.ArgsLenAtDash() == 0 || len(command) == 0 || !strings.HasPrefix(command[0], "-") {
		return image, command, nil
	}
	if err := cmd.Flags().Parse(command); err != nil {
		err = fmt.Errorf("after the image: %w", flagError(cmd, err))
		return "", nil, advise(err, "caravela run %s -- %s ... to pass it to the container, or caravela run --help", image, command[0])
	}
	if help, _ := cmd.Flags().GetBool("help"); help {
		return "", nil, cmd.Help()
	}
	return image, cmd.Flags().Args(), nil
}

// runError gives errors before the container started docker's code where the
// container was to run in the foreground.
func runError(err error, background bool) error {
	var exit *exitError
	if err == nil || background || errors.As(err, &exit) {
		return err
	}
	return exitWith(codeNotPlaced, err)
}

func (a *app) runContainer(cmd *cobra.Command, r *runFlags, image string, command []string) error {
	if image == "" {
		return nil // help was shown
	}
	keys, err := parseKeys(r.detachKeys)
	if err != nil {
		return err
	}
	req, err := r.request(a, cmd, image, command)
	if err != nil {
		return err
	}
	if req.Attach && r.tty && r.interactive && !a.terminal.isTerminal(a.in) {
		return advise(errors.New("-t wants a terminal, and standard input is none"), "the same without -t")
	}
	if r.withAuth {
		if req.RegistryAuth, err = registryAuth(cmd.Context(), image, a.getenv); err != nil {
			return err
		}
	}
	id, err := reserveFile(r.cidFile)
	if err != nil {
		return err
	}
	defer id.discard()
	node, _, err := a.node()
	if err != nil {
		return err
	}
	ctx, cancel, err := a.limited(cmd, 0)
	if err != nil {
		return err
	}
	defer cancel()
	p := newProgress(a, r.quiet, req)
	err = node.Run(ctx, req, p.event)
	p.finish()
	if werr := id.write(p.firstID()); werr != nil && err == nil {
		err = werr
	}
	switch {
	case err != nil && cmd.Context().Err() != nil:
		return a.interruptedRun(p, req.Attach)
	case err == nil || len(p.places) > 0:
		return a.afterRun(ctx, cancel, node, r, p, keys, err)
	case api.CodeOf(err) == api.CodeNoOffer && p.many:
		a.sayf("not all of %d found a place, so none was leased; fewer --replicas may fit", p.wanted)
	}
	return err
}

// interruptedRun says what becomes of a run that the user has stopped
// watching.
func (a *app) interruptedRun(p *progress, attached bool) error {
	switch {
	case len(p.places) == 0:
		a.sayf("caravela: stopped looking; nothing is leased")
	case attached:
		a.sayf("caravela: stopped; the node ends the lease\ntry: caravela ps -a")
	default:
		a.sayf("caravela: stopped watching; the container is started without you\ntry: caravela ps")
	}
	return exitWith(codeInterrupted, nil)
}

// afterRun tells or follows what the run has come to.
func (a *app) afterRun(ctx context.Context, cancel func(), node api.Backend, r *runFlags, p *progress, keys []byte, err error) error {
	switch {
	case r.dryRun:
		return a.showPlan(p)
	case r.detach:
		return a.tellPlaces(p, err)
	}
	place := p.firstPlace()
	if place == nil {
		return firstError(err, p.failure, errors.New("the container did not start, and the node did not say why"))
	}
	if place.failed != nil || err != nil {
		return a.startFailure(ctx, node, place, firstError(err, place.failed))
	}
	ref := api.ContainerRef(place.ID)
	s := stream{tty: r.tty, stdin: r.interactive, keys: keys}
	if r.sigProxy && !r.tty {
		s.onSignal = a.forward(ctx, node, ref, cancel)
	}
	code, err := a.follow(ctx, s, func(ctx context.Context, first api.Size) (api.Session, error) {
		return node.Attach(ctx, ref, api.AttachRequest{Stdin: r.interactive, Logs: true, Size: first})
	})
	return a.finalCode(ctx, node, ref, code, err)
}

// finalCode turns the end of a session into the program's exit code, asking
// the node where the stream did not tell.
func (a *app) finalCode(ctx context.Context, node api.Backend, ref api.ContainerRef, code int, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return exitWith(codeInterrupted, nil)
	case err != nil:
		return advise(err, "caravela attach %s; the container was not touched", shortID(string(ref)))
	}
	if code < 0 {
		exit, err := node.Wait(ctx, ref)
		if ctx.Err() != nil {
			a.sayf("caravela: stopped watching; try: caravela attach %s", shortID(string(ref)))
			return exitWith(codeInterrupted, nil)
		}
		if err != nil {
			return advise(fmt.Errorf("the container has ended, its exit code is not known: %w", err), "caravela inspect %s", shortID(string(ref)))
		}
		code = exit.ExitCode
	}
	switch {
	case code == 0:
		return nil
	case code < 0:
		return exitWith(codeError, fmt.Errorf("the container has ended, and its supplier does not know how"))
	}
	return exitWith(code&0xff, nil)
}

// startFailure shows what a container wrote before it failed, and returns its
// code: 126 and 127 where its command could not be started, as docker does.
func (a *app) startFailure(ctx context.Context, node api.Backend, at *place, failed error) error {
	if at.exit != nil {
		session, err := node.Logs(ctx, api.ContainerRef(at.ID), api.LogOptions{})
		if err == nil {
			_, _ = session(ctx, api.Stdio{Out: a.out, Err: a.err}) // the failure itself is what counts
		}
		if *at.exit > 0 {
			return exitWith(*at.exit&0xff, failed)
		}
	}
	return exitWith(codeOfStart(failed.Error()+" "+at.detail), orInspect(failed, at.ID))
}

// tellPlaces prints the IDs of a detached run.
func (a *app) tellPlaces(p *progress, err error) error {
	running := p.running()
	if api.CodeOf(err) == api.CodeNoOffer { // all or nothing: the node took the others back
		if len(running) > 0 {
			a.sayf("taken back: %s, because not all of %d found a place", plural(len(running), "replica"), p.wanted)
		}
		running = nil
	}
	if a.machine() {
		if serr := a.show(running, nil); serr != nil {
			return serr
		}
	} else {
		for _, at := range running {
			if _, werr := fmt.Fprintln(a.out, at.ID); werr != nil {
				return werr
			}
		}
	}
	if err == nil && len(running) < p.wanted {
		err = firstError(p.failure, fmt.Errorf("%d of %s run", len(running), plural(p.wanted, "replica")))
	}
	return orInspect(err, p.firstID())
}

// orInspect adds what to try to a failure of which the node said nothing.
func orInspect(err error, id string) error {
	if err == nil || nextOf(err) != "" || id == "" {
		return err
	}
	return advise(err, "caravela inspect %s", shortID(id))
}

func (a *app) showPlan(p *progress) error {
	return a.show(p.plans, func(t *table) { candidateTable(t, a, p.plans) })
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// idFile is --cidfile: made before anything is leased, so that a name that
// cannot be written costs nothing.
type idFile struct {
	file    *os.File
	written bool
}

func reserveFile(path string) (*idFile, error) {
	if path == "" {
		return &idFile{}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, advise(fmt.Errorf("--cidfile: %w", err), "a file that does not exist yet")
	}
	return &idFile{file: f}, nil
}

func (f *idFile) write(id string) error {
	if f.file == nil || id == "" {
		return nil
	}
	f.written = true
	_, err := f.file.WriteString(id)
	return errors.Join(err, f.file.Close())
}

func (f *idFile) discard() {
	if f.file != nil && !f.written {
		_ = f.file.Close()
		_ = os.Remove(f.file.Name())
	}
}
