package main

import (
	"github.com/spf13/cobra"

	"caravela/configuration"
)

func newCreate(a *app) *cobra.Command {
	var s startFlags
	var private bool
	var network string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a new network with this machine as its first node, and run the node",
		Long: `Makes an identity and a network in the data directory, and runs the node in the
foreground until Ctrl-C; with -d in the background. Where the data directory
holds a network already, its node is run again.

Without a token a node deals with machines on loopback and private addresses
only, unless the network is made --open.`,
		Example: `  caravela create
  caravela create -d --name cedar --offer cpus=4,memory=8g
  caravela create --no-offer --profile home
  caravela create -d --data-dir /tmp/n1 --listen 127.0.0.1:7411`,
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.start(cmd, &s, startMode{kind: startCreate, private: private, network: network})
		},
	}
	s.register(cmd)
	cmd.Flags().BoolVar(&private, "private", false, "strangers cannot even connect: a pre-shared key, TCP only")
	cmd.Flags().Bool("open", false, "deal with public addresses without a token")
	cmd.Flags().StringVar(&network, "network", "", "name of the network (default caravela)")
	return cmd
}

func newJoin(a *app) *cobra.Command {
	var s startFlags
	cmd := &cobra.Command{
		Use:   "join ADDRESS|TOKEN",
		Short: "Join the network of another node, and run a node here",
		Long: `Asks the node at ADDRESS (an IP address with or without port, or a multiaddr)
for its network's configuration, checks it, joins, and runs the node in the
foreground until Ctrl-C; with -d in the background.

A token of "caravela token create" takes the place of an address; it proves
which network is joined. Without one the first answer is trusted.`,
		Example: `  caravela join 192.168.1.5
  caravela join -d 192.168.1.5:7401 --offer cpus=2,memory=4g
  caravela join -d $TOKEN --profile lowpower
  caravela join /ip4/203.0.113.7/tcp/7401/p2p/12D3KooW...`,
		Args:              needs(1, 1, "the address of a node, or a token"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.start(cmd, &s, startMode{kind: startJoin, target: args[0]})
		},
	}
	s.register(cmd)
	cmd.Flags().Bool("open", false, "deal with public addresses without a token")
	return cmd
}

func newServe(a *app) *cobra.Command {
	var s startFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the node that the data directory holds",
		Long: `Runs the node that create or join has made: with the same identity, the same
network, the peers that it knew, and the leases that go on. A service manager
calls this.`,
		Example:           "  caravela serve\n  caravela serve -d --data-dir /srv/cedar",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.start(cmd, &s, startMode{kind: startServe})
		},
	}
	s.register(cmd)
	return cmd
}

// profiles completes --profile.
func profiles() []string {
	return []string{string(configuration.Server), string(configuration.Home), string(configuration.LowPower)}
}
