package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/ledger"
	"caravela/market"
	"caravela/node/audit"
	"caravela/node/identity"
	"caravela/node/store"
)

func newLedgerExport(a *app) *cobra.Command {
	var file fileFlag
	var peer string
	cmd := &cobra.Command{
		Use:               "export",
		Short:             "Write the entries of the ledger as CSV",
		Long:              "Writes one line for each entry, oldest first by counterparty. Amounts of notes\nand receipts are totals since the lease's start.",
		Example:           "  caravela ledger export > ledger.csv\n  caravela ledger export --peer cedar -o cedar.csv",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := file.check(); err != nil {
				return err
			}
			return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
				return a.save(file, "-", func(w io.Writer) error {
					return noPeer(node.ExportLedger(ctx, api.ExportOptions{Peer: api.NodeRef(peer)}, w))
				})
			})
		},
	}
	file.register(cmd, "standard output")
	cmd.Flags().StringVar(&peer, "peer", "", "only entries with this peer")
	cmd.Flags().Bool("csv", true, "as CSV, the only form there is")
	_ = cmd.Flags().MarkHidden("csv")
	_ = cmd.RegisterFlagCompletionFunc("peer", a.completePeers(0))
	return cmd
}

func newLedgerVerify(a *app) *cobra.Command {
	var peer, dataDir string
	cmd := &cobra.Command{
		Use:   "verify [FILE...]",
		Short: "Replay the ledger: every signature, every amount, every entry",
		Long: `Goes through the logs that are kept of counterparties, checks every signature
and the order of the entries, computes every amount again and compares the sum
with the balance. It says which entry is the first that is wrong, and why; the
exit code is 1 then.

The node that runs audits its own ledger. Without one the data directory is read
(--data-dir names another), or the leases-*.db files that are named; neither a
node nor a network is needed.`,
		Example: `  caravela ledger verify
  caravela ledger verify --peer cedar -o json
  caravela ledger verify --data-dir /backup/caravela`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && dataDir != "" {
				return advise(errors.New("files and --data-dir exclude each other"), "%s --help", cmd.CommandPath())
			}
			v := verifier{app: a, peer: peer}
			if err := v.all(cmd, args, dataDir); err != nil {
				return err
			}
			return v.end()
		},
	}
	cmd.Flags().StringVar(&peer, "peer", "", "only the log of this peer")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "read this directory of a node that does not run")
	_ = cmd.RegisterFlagCompletionFunc("peer", a.completePeers(0))
	return cmd
}

// verifier tells the verdict on one log after the other.
type verifier struct {
	app     *app
	peer    string
	logs    int
	entries uint64
	bad     int
}

// all verifies what the command line names: files, a directory, or the ledger
// of this user's node, whether it runs or not.
func (v *verifier) all(cmd *cobra.Command, files []string, dataDir string) error {
	switch {
	case len(files) > 0:
		return v.files(cmd.Context(), files)
	case dataDir != "":
		return v.directory(cmd.Context(), dataDir)
	}
	err := v.app.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
		return node.VerifyLedger(ctx, api.VerifyOptions{Peer: api.NodeRef(v.peer)}, v.tell)
	})
	elsewhere := v.app.flags.host != "" || v.app.getenv("CARAVELA_HOST") != ""
	if api.CodeOf(err) != api.CodeUnreachable || elsewhere || v.logs > 0 {
		return noPeer(err)
	}
	cfg, cerr := v.app.load(nil)
	if cerr != nil || !exists(cfg.Node.DataDir) {
		return err
	}
	v.app.sayf("no node runs; reading %s", cfg.Node.DataDir)
	return v.directory(cmd.Context(), cfg.Node.DataDir)
}

func (v *verifier) directory(ctx context.Context, dir string) error {
	files, err := filepath.Glob(filepath.Join(escapeGlob(dir), "leases-*.db"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no leases-*.db", dir)
	}
	if err != nil {
		return advise(err, "caravela ledger verify --data-dir DIR, with the directory of a node")
	}
	return v.files(ctx, files)
}

// escapeGlob makes a path match itself only.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func (v *verifier) files(ctx context.Context, names []string) error {
	found := false
	for _, name := range names {
		n, err := v.file(ctx, name)
		if err != nil {
			return err
		}
		found = found || n > 0
	}
	if !found && v.peer != "" {
		return advise(fmt.Errorf("no log of a peer whose ID ends with %q", v.peer), "the same without --peer; names are known to a running node only")
	}
	return nil
}

// file verifies the logs of one store, and returns their number.
func (v *verifier) file(ctx context.Context, name string) (int, error) {
	if _, err := os.Stat(name); err != nil {
		return 0, err
	}
	s, err := store.OpenReadOnly(name)
	if err != nil {
		return 0, advise(err, "%s", nextOfStore(err))
	}
	defer shut(s)
	accounts, err := s.Accounts()
	if err != nil {
		return 0, err
	}
	accounts = slices.DeleteFunc(accounts, func(x *market.Account) bool { return !strings.HasSuffix(x.Peer.String(), v.peer) })
	for _, x := range accounts {
		if err := v.log(ctx, s, name, x); err != nil {
			return 0, err
		}
	}
	return len(accounts), nil
}

func nextOfStore(err error) string {
	switch {
	case errors.Is(err, store.ErrInUse):
		return "caravela ledger verify, without a file: the node that runs audits its own"
	case errors.Is(err, store.ErrBroken):
		return "caravela ledger verify FILE, with a backup"
	}
	return "caravela ledger verify --help"
}

// log verifies the log of one counterparty.
func (v *verifier) log(ctx context.Context, s store.Store, file string, x *market.Account) error {
	verdict := api.LedgerVerdict{Peer: x.Peer.String(), Entries: x.Entries, OK: true}
	self, network, err := owner(s, file, x)
	if err == nil {
		_, err = audit.Log(ctx, self, network, s, x)
	}
	if bad := (*ledger.BadEntry)(nil); errors.As(err, &bad) {
		verdict.OK, verdict.BadIndex, verdict.Why = false, bad.Index, bad.Why
		err = nil
	}
	if err != nil {
		return err
	}
	return v.tell(verdict)
}

// owner finds whose log it is, and of which network. The key beside the file
// says whose; without it, and for the network, the log's first lease does.
func owner(s store.Store, file string, x *market.Account) (self market.PeerID, network market.NetworkID, err error) {
	entries, err := s.Entries(x.Peer, 1, 1)
	if err != nil || len(entries) == 0 {
		return self, network, err
	}
	first, err := market.OpenEntry(entries[0])
	if err != nil {
		return self, network, &ledger.BadEntry{Peer: x.Peer, Index: 1, Why: err.Error()}
	}
	if first.Lease == nil {
		return self, network, &ledger.BadEntry{Peer: x.Peer, Index: 1, Why: "is of a lease that is not in this log before it"}
	}
	self, network = first.Lease.Buyer, first.Lease.Network
	if self == x.Peer {
		self = first.Lease.Supplier
	}
	if b, kerr := os.ReadFile(identity.KeyPath(filepath.Dir(file))); kerr == nil {
		if key, kerr := identity.ParseKey(b); kerr == nil {
			self = market.NewKeyring(key).Self()
		}
	}
	return self, network, nil
}

// tell prints one verdict as soon as it is known.
func (v *verifier) tell(d api.LedgerVerdict) error {
	v.logs++
	v.entries += d.Entries
	if !d.OK {
		v.bad++
	}
	return v.app.line(d, func(w io.Writer) {
		word, what := "ok", plural(int(d.Entries), "entry")
		switch {
		case !d.OK && d.BadIndex > 0:
			word, what = "BAD", fmt.Sprintf("entry %d of %d %s", d.BadIndex, d.Entries, d.Why)
		case !d.OK:
			word, what = "BAD", d.Why
		}
		_, _ = fmt.Fprintf(w, "%-4s %-12s %s\n", word, printable(nodeLabel(d.Name, d.Peer)), printable(what))
	})
}

// end sums up, and is the command's error.
func (v *verifier) end() error {
	if v.bad > 0 {
		text := fmt.Sprintf("%d of %s does not hold: nothing in it is to be relied on from the bad entry on", v.bad, plural(v.logs, "log"))
		return advise(errors.New(text), "caravela lease export LEASE, to compare with what the other side has; or restore a backup")
	}
	if v.logs == 0 {
		v.app.sayf("there is nothing to verify: no priced lease was bought or sold yet")
		return nil
	}
	v.app.sayf("%s, %s: every signature and every amount is right", plural(v.logs, "log"), plural(int(v.entries), "entry"))
	return nil
}
