package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

// versions is what `caravela version` prints.
type versions struct {
	Client api.Version  `json:"client"`
	Node   *api.Version `json:"node"` // null where none answers
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version of this program, and of the node where one answers",
		Example:           "  caravela version\n  caravela version --format '{{.Client.Version}}'",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{Client: clientVersion()}
			ctx, cancel, err := a.limited(cmd, 2*time.Second)
			if err != nil {
				return err
			}
			defer cancel()
			v.Node = a.nodeVersion(ctx)
			return a.show(v, func(t *table) {
				t.row("Client", versionText(v.Client))
				if v.Node != nil {
					t.row("Node", versionText(*v.Node))
				} else {
					t.row("Node", "none answers")
				}
			})
		},
	}
}

func (a *app) nodeVersion(ctx context.Context) *api.Version {
	node, _, err := a.node()
	if err != nil {
		return nil
	}
	v, err := node.Version(ctx)
	if err != nil {
		return nil
	}
	return &v
}

func clientVersion() api.Version {
	return api.Version{
		Version: version, Commit: commit(), APIVersion: "v1",
		GoVersion: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return shortID(s.Value)
		}
	}
	return ""
}

func versionText(v api.Version) string {
	text := v.Version
	if v.Commit != "" {
		text += " (" + v.Commit + ")"
	}
	return fmt.Sprintf("%s  %s/%s  %s  API %s", text, v.OS, v.Arch, v.GoVersion, v.APIVersion)
}
