package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

// done is one container that a command has dealt with.
type done struct {
	Name string `json:"name"`
	Done string `json:"done"`
}

// change makes the frame of stop, start, restart, kill and rm: call for each
// container, and print the names of those for which it worked.
func (a *app) change(cmd *cobra.Command, args []string, word string, timeout time.Duration, call func(context.Context, api.Backend, api.ContainerRef) error) error {
	return a.ask(cmd, timeout, func(ctx context.Context, node api.Backend) error {
		list := []done{}
		err := a.eachOf(ctx, args, func(ref string) error {
			if err := call(ctx, node, api.ContainerRef(ref)); err != nil {
				return err
			}
			list = append(list, done{ref, word})
			if a.machine() {
				return nil
			}
			_, err := fmt.Fprintln(a.out, ref)
			return err
		})
		if a.machine() {
			err = firstError(a.show(list, nil), err)
		}
		return err
	})
}

func newStop(a *app) *cobra.Command {
	var timeout, signal string
	cmd := &cobra.Command{
		Use:   "stop CONTAINER...",
		Short: "Stop containers; their leases go on",
		Example: `  caravela stop web
  caravela stop -t 60 db
  caravela ps -q | xargs caravela stop`,
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(false, 0),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		grace, err := seconds(cmd.Flags(), "time", timeout)
		if err != nil {
			return err
		}
		return a.change(cmd, args, "stopped", 0, func(ctx context.Context, node api.Backend, ref api.ContainerRef) error {
			return node.Stop(ctx, ref, api.StopRequest{GraceMS: grace, Signal: signal})
		})
	}
	cmd.Flags().StringVarP(&timeout, "time", "t", "", "time before it is killed, such as 30 or 30s (default the container's)")
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "signal that asks it to stop (default the container's)")
	return cmd
}

func newStart(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "start CONTAINER...",
		Short:             "Start stopped containers whose leases go on",
		Example:           "  caravela start web",
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(true, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd, args, "started", 2*quick, func(ctx context.Context, node api.Backend, ref api.ContainerRef) error {
				return node.Start(ctx, ref)
			})
		},
	}
}

func newRestart(a *app) *cobra.Command {
	var timeout, signal string
	cmd := &cobra.Command{
		Use:               "restart CONTAINER...",
		Short:             "Stop containers and start them again in the same place",
		Example:           "  caravela restart web\n  caravela restart -t 5 web db",
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(true, 0),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		grace, err := seconds(cmd.Flags(), "time", timeout)
		if err != nil {
			return err
		}
		return a.change(cmd, args, "restarted", 0, func(ctx context.Context, node api.Backend, ref api.ContainerRef) error {
			return node.Restart(ctx, ref, api.StopRequest{GraceMS: grace, Signal: signal})
		})
	}
	cmd.Flags().StringVarP(&timeout, "time", "t", "", "time before it is killed, such as 30 or 30s (default the container's)")
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "signal that asks it to stop (default the container's)")
	return cmd
}

func newKill(a *app) *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:               "kill CONTAINER...",
		Short:             "Send containers a signal, SIGKILL by default",
		Example:           "  caravela kill web\n  caravela kill -s HUP proxy",
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(false, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd, args, "killed", quick, func(ctx context.Context, node api.Backend, ref api.ContainerRef) error {
				return node.Kill(ctx, ref, api.KillRequest{Signal: signal})
			})
		},
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "name or number of the signal")
	return cmd
}

func newRm(a *app) *cobra.Command {
	var opts api.RemoveOptions
	cmd := &cobra.Command{
		Use:   "rm CONTAINER...",
		Short: "End leases and remove their containers",
		Long: `Ends the leases of containers and removes them at their suppliers, together
with volumes that were not to outlive the lease. A container that runs is
removed only with -f.`,
		Example:           "  caravela rm web\n  caravela rm -f -v db",
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(true, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd, args, "removed", 2*quick, func(ctx context.Context, node api.Backend, ref api.ContainerRef) error {
				return node.Remove(ctx, ref, opts)
			})
		},
	}
	cmd.Flags().BoolVarP(&opts.Force, "force", "f", false, "also what runs, and what belongs to a supplier that is gone")
	cmd.Flags().BoolVarP(&opts.Volumes, "volumes", "v", false, "also volumes that were to outlive the lease")
	return cmd
}

func newWait(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "wait CONTAINER...",
		Short:             "Wait until containers have stopped, and print their exit codes",
		Example:           "  caravela wait job\n  test $(caravela wait job) -eq 0",
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(false, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
				list := []api.Exit{}
				err := a.eachOf(ctx, args, func(ref string) error {
					e, err := node.Wait(ctx, api.ContainerRef(ref))
					if err != nil {
						return err
					}
					list = append(list, e)
					if a.machine() {
						return nil
					}
					_, err = fmt.Fprintln(a.out, e.ExitCode)
					return err
				})
				if a.machine() {
					err = firstError(a.show(list, nil), err)
				}
				return err
			})
		},
	}
}
