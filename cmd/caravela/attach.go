package main

import (
	"context"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newAttach(a *app) *cobra.Command {
	var noStdin, sigProxy bool
	var detachKeys string
	cmd := &cobra.Command{
		Use:   "attach [FLAGS] CONTAINER",
		Short: "Join the main process of a running container",
		Long: `Joins output, and input where the container was made with -i, of a running
container's main process. The exit code is the container's. With a terminal,
ctrl-p ctrl-q leaves it running.`,
		Example:           "  caravela attach web\n  caravela attach --no-stdin job",
		Args:              needs(1, 1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(false, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := parseKeys(detachKeys)
			if err != nil {
				return err
			}
			ref := api.ContainerRef(args[0])
			return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				c, err := node.Container(ctx, ref)
				if err != nil {
					return err
				}
				ref := api.ContainerRef(c.ID) // the name may be given away while we watch
				s := stream{tty: c.Spec.TTY, stdin: c.Spec.Stdin && !noStdin, keys: keys}
				if sigProxy && !s.tty {
					s.onSignal = a.forward(ctx, node, ref, cancel)
				}
				code, err := a.follow(ctx, s, func(ctx context.Context, first api.Size) (api.Session, error) {
					return node.Attach(ctx, ref, api.AttachRequest{Stdin: s.stdin, Size: first})
				})
				return a.finalCode(ctx, node, ref, code, err)
			})
		},
	}
	cmd.Flags().BoolVar(&noStdin, "no-stdin", false, "do not pass on standard input")
	cmd.Flags().BoolVar(&sigProxy, "sig-proxy", true, "pass signals on to the container")
	cmd.Flags().StringVar(&detachKeys, "detach-keys", defaultDetachKeys, "keys that leave the container running")
	return cmd
}
