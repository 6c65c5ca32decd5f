package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/node/identity"
)

// maxIdentity bounds a backup of a key, in bytes.
const maxIdentity = 64 << 10

func newIdentity(a *app) *cobra.Command {
	return group("identity", "Back up and restore this node's private key", "  caravela identity export cedar.key\n  caravela identity import cedar.key",
		newIdentityExport(a), newIdentityImport(a))
}

func newIdentityExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE",
		Short: "Write the node's private key into a new file, readable by you only",
		Long: `Writes the node's private key into FILE, which must not exist, with mode 0600;
"-" writes it to standard output. Whoever has the key is the node: keep it as
you keep an SSH key. It works through the Unix socket of the node only.`,
		Example: "  caravela identity export cedar.key",
		Args:    needs(1, 1, "a file to make"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				id, err := node.ExportIdentity(ctx)
				if err != nil {
					return err
				}
				if args[0] == "-" {
					_, err := io.WriteString(a.out, id.Key)
					return err
				}
				if err := writeSecret(args[0], id.Key); err != nil {
					return advise(fmt.Errorf("write the key: %w", err), "a file that does not exist yet")
				}
				a.sayf("wrote the key of %s to %s; keep it secret", id.ID, args[0])
				return nil
			})
		},
	}
}

func newIdentityImport(a *app) *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Give a new node the private key of a lost one",
		Long: `Puts a key that "caravela identity export" wrote into the data directory of a
node that does not run and has no key yet; an existing key is never replaced.
Then join the network again. Two nodes with one key disturb each other.`,
		Example: "  caravela identity import cedar.key\n  caravela identity import --data-dir /srv/cedar cedar.key",
		Args:    needs(1, 1, "a file that holds a key"),
		RunE: func(_ *cobra.Command, args []string) error {
			set := map[string]string{}
			if dataDir != "" {
				set["node.data-dir"] = dataDir
			}
			cfg, err := a.load(set)
			if err != nil {
				return advise(err, "caravela config check")
			}
			key, err := a.readSecret(args[0])
			if err != nil {
				return fmt.Errorf("read the key: %w", err)
			}
			id, err := identity.Restore(cfg.Node.DataDir, key)
			switch {
			case errors.Is(err, identity.ErrExists):
				return advise(fmt.Errorf("%s holds a key already, which is not replaced", cfg.Node.DataDir),
					"another --data-dir, or move %s away first", identity.KeyPath(cfg.Node.DataDir))
			case errors.Is(err, identity.ErrInUse):
				return advise(err, "caravela leave, or another --data-dir")
			case err != nil:
				return advise(fmt.Errorf("restore the key of %s: %w", args[0], err), "a file that caravela identity export wrote")
			}
			a.sayf("%s is now %s; next: caravela join <ip>", cfg.Node.DataDir, id)
			return nil
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory of the node")
	return cmd
}

// writeSecret makes a new file with mode 0600 and makes it durable.
func writeSecret(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		_ = os.Remove(path) // half a key is of no use
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (a *app) readSecret(path string) ([]byte, error) {
	from := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	key, err := io.ReadAll(io.LimitReader(from, maxIdentity+1))
	if len(key) > maxIdentity {
		return nil, fmt.Errorf("%s is too large for a key", path)
	}
	return key, err
}
