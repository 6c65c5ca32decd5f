package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"caravela/configuration"
)

// setting is one row of `config get`.
type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

func newConfig(a *app) *cobra.Command {
	return group("config", "Read and change the configuration of this user's node",
		"  caravela config check\n  caravela config set offer.memory 8g\n  caravela config get offer.memory",
		newConfigGet(a), newConfigSet(a), newConfigCheck(a))
}

func newConfigGet(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "get [KEY...]",
		Short:             "Print settings in force; of all keys, where none is named",
		Example:           "  caravela config get offer.cpus\n  caravela config get -o wide",
		ValidArgsFunction: completeKeys,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := a.load(nil)
			if err != nil {
				return advise(err, "caravela config check")
			}
			keys := args
			if len(keys) == 0 {
				keys = configuration.Keys()
			}
			list := []setting{}
			for _, key := range keys {
				value, err := cfg.Get(key)
				if err != nil {
					return err
				}
				list = append(list, setting{key, value, string(cfg.Origins[key])})
			}
			if len(args) == 1 && !a.machine() && a.flags.output == "" {
				_, err := fmt.Fprintln(a.out, list[0].Value)
				return err
			}
			return a.show(list, func(t *table) {
				t.columns("KEY", "VALUE", "FROM")
				for _, s := range list {
					t.row(s.Key, s.Value, s.Origin)
				}
			})
		},
	}
}

func newConfigSet(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Change a setting in the configuration file, keeping all else in it",
		Long: `Changes one setting in the configuration file, which is made if need be; the
comments in it stay. Items of a list are separated by commas. A value that would
make the configuration invalid is refused. A node that runs reads it at its
next start.`,
		Example:           "  caravela config set offer.cpus 2\n  caravela config set node.labels region=eu,disk=ssd",
		Args:              needs(2, 2, "a key and a value"),
		ValidArgsFunction: completeKeys,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := a.load(nil)
			if cfg.Path == "" {
				return err
			}
			if err := configuration.Set(cfg.Path, args[0], args[1], configuration.Here()); err != nil {
				return advise(err, "caravela config check")
			}
			a.sayf("%s: %s = %s (acts when the node starts again)", cfg.Path, args[0], args[1])
			if cfg.Origins[args[0]] == configuration.FromEnv {
				a.sayf("note: the environment sets %s too, and is stronger than the file", args[0])
			}
			return nil
		},
	}
}

func newConfigCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and print all of it, with the origin of each value",
		Long: `Prints the effective configuration as a file that could be used as it is, each
setting with its meaning and with where its value came from: default, profile,
file:line, environment. Mistakes are listed with line, key and remedy, and the
exit code is 1.`,
		Example:           "  caravela config check\n  caravela config check --config new.toml",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load(nil)
			for _, w := range cfg.Warnings {
				a.sayf("warning: %s", w)
			}
			if err != nil {
				return err
			}
			if a.machine() {
				values := map[string]setting{}
				for _, key := range configuration.Keys() {
					value, _ := cfg.Get(key) // every key of Keys is known
					values[key] = setting{key, value, string(cfg.Origins[key])}
				}
				return a.show(values, nil)
			}
			_, err = io.WriteString(a.out, cfg.TOML())
			return err
		},
	}
}

func completeKeys(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return configuration.Keys(), cobra.ShellCompDirectiveNoFileComp
}
