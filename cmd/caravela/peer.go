package main

import (
	"context"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newPeer(a *app) *cobra.Command {
	yes, no := true, false
	return group("peer", "Say with whom this node deals, and how far",
		"  caravela peer ls\n  caravela peer block mallory\n  caravela peer trust cedar",
		newPeerLs(a),
		newPeerSet(a, "block", "Sell nothing to peers and buy nothing from them",
			"Refuses whatever these peers ask from now on, and leaves their offers out of\nevery search. Leases that run go on: end them with \"caravela lease\".", api.PeerRequest{Blocked: &yes}),
		newPeerSet(a, "unblock", "Deal with blocked peers again", "", api.PeerRequest{Blocked: &no}),
		newPeerSet(a, "trust", "Let peers owe without a limit",
			"Sells to these peers whatever they owe. A limit that \"caravela ledger credit\"\nhas set holds all the same.", api.PeerRequest{Trusted: &yes}),
		newPeerSet(a, "untrust", "Let peers owe no more than others", "", api.PeerRequest{Trusted: &no}),
		newPeerNote(a))
}

func newPeerLs(a *app) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the peers dealt with, and those with an opinion about them",
		Long: `Lists the peers with which this node has dealt, or of which its user has an
opinion. "caravela node ls" lists all that were seen.`,
		Example:           "  caravela peer ls\n  caravela peer ls -o json",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				list, err := node.Peers(ctx)
				if err != nil {
					return err
				}
				if quiet {
					return printEach(a.out, list, func(x api.Account) string { return x.Peer })
				}
				return a.show(list, func(t *table) { peerTable(t, list) })
			})
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print peer IDs only")
	return cmd
}

// newPeerSet makes a command that changes one thing about peers.
func newPeerSet(a *app, use, short, long string, req api.PeerRequest) *cobra.Command {
	return &cobra.Command{
		Use:               use + " PEER...",
		Short:             short,
		Long:              long,
		Example:           "  caravela peer " + use + " cedar",
		Args:              needs(1, -1, "the name or ID of a peer"),
		ValidArgsFunction: a.completePeers(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setPeers(cmd, args, req)
		},
	}
}

func newPeerNote(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "note PEER TEXT",
		Short:             "Remember something about a peer; an empty text forgets it",
		Example:           "  caravela peer note cedar \"pays late\"\n  caravela peer note cedar \"\"",
		Args:              needs(2, 2, "a peer, and a text in quotes"),
		ValidArgsFunction: a.completePeers(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.setPeers(cmd, args[:1], api.PeerRequest{Remark: &args[1]})
		},
	}
}

func (a *app) setPeers(cmd *cobra.Command, refs []string, req api.PeerRequest) error {
	return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
		list := []api.Account{}
		err := a.eachOf(ctx, refs, func(ref string) error {
			x, err := node.SetPeer(ctx, api.NodeRef(ref), req)
			if err == nil {
				list = append(list, x)
			}
			return noPeer(err)
		})
		if len(list) == 0 && err != nil {
			return err
		}
		return firstError(a.show(list, func(t *table) { peerTable(t, list) }), err)
	})
}

func peerTable(t *table, list []api.Account) {
	t.columns("PEER", "NAME", "OPINION", "MAY OWE", "THEY OWE", "WE OWE", "LEASES", "REMARK", "+ID")
	for _, x := range list {
		t.row(shortID(x.Peer), x.Name, opinion(x), creditText(x.Credit), owed(x, receivable), owed(x, payable), leaseCounts(x), x.Remark, x.Peer)
	}
}
