package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"caravela/api"
)

// execFlags are what exec and shell have in common.
type execFlags struct {
	user, workdir, keys string
	env                 []string
}

func (e *execFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&e.user, "user", "u", "", "user, NAME|UID[:GROUP|GID]")
	f.StringVarP(&e.workdir, "workdir", "w", "", "working directory inside the container")
	f.StringArrayVarP(&e.env, "env", "e", nil, "variable KEY=VALUE, or KEY from this environment (repeatable)")
	f.StringVar(&e.keys, "detach-keys", defaultDetachKeys, "keys that leave the command running, with -it")
}

func newExec(a *app) *cobra.Command {
	var e execFlags
	var stdin, tty bool
	cmd := &cobra.Command{
		Use:   "exec [FLAGS] CONTAINER COMMAND [ARG...]",
		Short: "Run a command in a running container, wherever it runs",
		Example: `  caravela exec web ls -l /
  caravela exec -it web sh
  caravela exec -i db psql < dump.sql`,
		Args:              needs(2, -1, "a container and a command"),
		ValidArgsFunction: a.completeContainers(false, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.execute(cmd, args[0], args[1:], e, stdin, tty)
		},
	}
	e.register(cmd)
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVarP(&stdin, "interactive", "i", false, "pass on standard input")
	cmd.Flags().BoolVarP(&tty, "tty", "t", false, "give the command a terminal")
	return cmd
}

// shellCommand starts the best shell that the image has.
const shellCommand = "command -v bash >/dev/null 2>&1 && exec bash; exec sh"

func newShell(a *app) *cobra.Command {
	var e execFlags
	var program string
	cmd := &cobra.Command{
		Use:               "shell [FLAGS] CONTAINER",
		Short:             "Open a shell in a running container",
		Example:           "  caravela shell web\n  caravela shell -u root --shell /bin/ash web",
		Args:              needs(1, 1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(false, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			command := []string{"/bin/sh", "-c", shellCommand}
			if program != "" {
				command = []string{program}
			}
			return a.execute(cmd, args[0], command, e, true, a.terminal.isTerminal(a.in))
		},
	}
	e.register(cmd)
	cmd.Flags().StringVar(&program, "shell", "", "shell to start (default bash where there is one, else sh)")
	return cmd
}

func (a *app) execute(cmd *cobra.Command, ref string, command []string, e execFlags, stdin, tty bool) error {
	keys, err := parseKeys(e.keys)
	if err != nil {
		return err
	}
	env, err := readEnv(nil, e.env, a.environ())
	if err != nil {
		return err
	}
	return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
		code, err := a.follow(ctx, stream{tty: tty, stdin: stdin, keys: keys}, func(ctx context.Context, first api.Size) (api.Session, error) {
			return node.Exec(ctx, api.ContainerRef(ref), api.ExecRequest{
				Command: command, Env: env, User: e.user, WorkDir: e.workdir, TTY: tty, Stdin: stdin, Size: first,
			})
		})
		if err != nil {
			return execError(err)
		}
		switch {
		case code == 0:
			return nil
		case code < 0:
			return advise(fmt.Errorf("the command's exit code is not known"), "caravela inspect %s", ref)
		}
		return exitWith(code&0xff, nil)
	})
}

// execError gives a command that could not be started docker's exit codes.
func execError(err error) error {
	if code := codeOfStart(err.Error()); code != codeNotPlaced {
		return exitWith(code, err)
	}
	return err
}

// codeOfStart finds docker's exit code in the words of an engine that could
// not start a command; docker's own command line does the same.
func codeOfStart(words string) int {
	words = strings.ToLower(words)
	for _, c := range []struct {
		words string
		code  int
	}{
		{"executable file not found", codeNotFound},
		{"has no executable", codeNotFound},
		{"no such file or directory", codeNotFound},
		{"not executable", codeNotInvoked},
		{"permission denied", codeNotInvoked},
		{"exec format error", codeNotInvoked},
	} {
		if strings.Contains(words, c.words) {
			return c.code
		}
	}
	return codeNotPlaced
}
