package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/configuration"
)

func newDoctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with this node, and say what to do",
		Long: `Checks the configuration and the engine from here, and the rest through the
node where it answers. The exit code is 1 when a check fails.`,
		Example:           "  caravela doctor",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel, err := a.limited(cmd, 2*quick)
			if err != nil {
				return err
			}
			defer cancel()
			d := api.Diagnosis{Checks: a.examine(ctx)}
			if err := a.show(d, func(t *table) { a.checkTable(t, d.Checks) }); err != nil {
				return err
			}
			for _, c := range d.Checks {
				if c.State == api.CheckFail {
					return exitWith(codeError, nil)
				}
			}
			return nil
		},
	}
}

// examine checks what can be seen from here, then asks the node.
func (a *app) examine(ctx context.Context) []api.Check {
	cfg, err := a.load(nil)
	elsewhere := a.flags.host != "" || a.getenv("CARAVELA_HOST") != ""
	var checks []api.Check
	if !elsewhere { // else it is another node's configuration
		checks = append(checks, configurationCheck(cfg, err))
		if err == nil {
			checks = append(checks, dataCheck(cfg))
		}
	}
	node, where, err := a.node()
	if err == nil {
		var d api.Diagnosis
		if d, err = node.Doctor(ctx); err == nil {
			checks = append(checks, api.Check{Name: "node answers", State: api.CheckOK, Detail: where})
			return append(checks, d.Checks...)
		}
	}
	checks = append(checks, api.Check{Name: "node answers", State: api.CheckFail, Detail: where, Cause: err.Error(), Remedy: nextOf(err)})
	if cfg.Offer.Enabled && !elsewhere {
		checks = append(checks, engineCheck(ctx, cfg.Engine.Host))
	}
	return checks
}

func configurationCheck(cfg configuration.Effective, err error) api.Check {
	c := api.Check{Name: "configuration", State: api.CheckOK, Detail: cfg.Path}
	switch {
	case err != nil:
		c.State, c.Cause, c.Remedy = api.CheckFail, strings.ReplaceAll(err.Error(), "\n", "; "), "caravela config check"
	case !cfg.Found:
		c.Detail = "defaults; no file at " + cfg.Path
	}
	if err == nil && len(cfg.Warnings) > 0 {
		c.State, c.Cause, c.Remedy = api.CheckWarn, strings.Join(cfg.Warnings, "; "), "unset them"
	}
	return c
}

// dataCheck looks at the data directory: what lies in it is secret.
func dataCheck(cfg configuration.Effective) api.Check {
	c := api.Check{Name: "data directory", State: api.CheckOK, Detail: cfg.Node.DataDir}
	info, err := os.Stat(cfg.Node.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.State, c.Cause, c.Remedy = api.CheckWarn, "it does not exist: no node was ever made here", "caravela create, or caravela join <ip>"
	case err != nil:
		c.State, c.Cause, c.Remedy = api.CheckFail, err.Error(), "sudo caravela doctor"
	case info.Mode().Perm()&0o077 != 0:
		c.State, c.Cause, c.Remedy = api.CheckWarn, fmt.Sprintf("others may look into it (mode %04o)", info.Mode().Perm()), "chmod 700 "+cfg.Node.DataDir
	}
	return c
}

// engineCheck dials the engine, for a node that cannot say itself.
func engineCheck(ctx context.Context, host string) api.Check {
	c := api.Check{Name: "engine answers", State: api.CheckOK, Detail: host}
	network, target, ok := strings.Cut(host, "://")
	if !ok || network != "unix" && network != "tcp" {
		return c // another transport, which only the node can try
	}
	dialer := net.Dialer{Timeout: 3 * time.Second}
	conn, err := dialer.DialContext(ctx, network, target)
	if err == nil {
		_ = conn.Close()
		return c
	}
	c.State, c.Cause = api.CheckFail, err.Error()
	c.Remedy = "start Docker, set engine.host, or sell nothing: caravela config set offer.enabled false"
	if errors.Is(err, syscall.EACCES) {
		c.Remedy = "add this user to the group docker, or run the node as root"
	}
	return c
}

func (a *app) checkTable(t *table, checks []api.Check) {
	codes := map[api.CheckState]string{api.CheckOK: "32", api.CheckWarn: "33", api.CheckFail: "31"}
	t.paint = map[int]string{}
	for _, c := range checks {
		if a.colours() {
			t.paint[len(t.rows)] = codes[c.State]
		}
		t.row(string(c.State), c.Name, c.Detail)
		if c.Cause != "" {
			t.row(" ", " ", "because: "+c.Cause)
		}
		if c.Remedy != "" {
			t.row(" ", " ", "try: "+c.Remedy)
		}
	}
}

// colours reports whether the user sees colours and wants them.
func (a *app) colours() bool {
	return !a.flags.noColor && a.getenv("NO_COLOR") == "" && a.terminal.isTerminal(a.out)
}
