package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/configuration"
)

// setting is one row of `config get`.
type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

func newConfig(a *app) *cobra.Command {
	return group("config", "Read and change the configuration of this user's node, or of the one that -H names",
		"  caravela config check\n  caravela config set offer.memory 8g\n  caravela config get offer.memory",
		newConfigGet(a), newConfigSet(a), newConfigCheck(a))
}

func newConfigGet(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "get [KEY...]",
		Short:             "Print settings in force; of all keys, where none is named",
		Example:           "  caravela config get offer.cpus\n  caravela config get -o wide\n  caravela -H tcp://192.0.2.7:7480 config get",
		ValidArgsFunction: completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := a.readSettings(cmd, args)
			if err != nil {
				return err
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
next start.

With -H or CARAVELA_HOST the node there changes its own file; without, this
user's file is changed, whether the node runs or not.`,
		Example:           "  caravela config set offer.cpus 2\n  caravela config set node.labels region=eu,disk=ssd\n  caravela -H unix:///tmp/n1/api.sock config set offer.cpus 2",
		Args:              needs(2, 2, "a key and a value"),
		ValidArgsFunction: completeKeys,
		RunE: func(cmd *cobra.Command, args []string) error {
			where, elsewhere, err := a.settingsOf()
			switch {
			case err != nil:
				return err
			case elsewhere:
				return a.setThere(cmd, where, args[0], args[1])
			}
			return a.setHere(args[0], args[1])
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
			if where, elsewhere, err := a.settingsOf(); err != nil {
				return err
			} else if elsewhere {
				return advise(fmt.Errorf("config check reads this machine's files, not those of the node at %s", where),
					"caravela -H %s config get; or name a file: caravela --config FILE config check", where)
			}
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

// settingsOf says whose settings are meant: those of the node at the address
// that -H or $CARAVELA_HOST names, else those in this user's own file.
func (a *app) settingsOf() (where string, elsewhere bool, err error) {
	switch {
	case a.flags.host != "" && a.flags.config != "":
		return "", false, advise(errors.New("--config names a file here, and -H a node that has its own"), "leave one of them out")
	case a.flags.config != "" || a.flags.host == "" && a.getenv("CARAVELA_HOST") == "":
		return "", false, nil
	}
	where, err = a.address()
	return where, true, err
}

// readSettings returns the settings of these keys, or all.
func (a *app) readSettings(cmd *cobra.Command, keys []string) ([]setting, error) {
	_, elsewhere, err := a.settingsOf()
	switch {
	case err != nil:
		return nil, err
	case elsewhere:
		return a.readThere(cmd, keys)
	}
	cfg, err := a.load(nil)
	if err != nil {
		return nil, advise(err, "caravela config check")
	}
	if len(keys) == 0 {
		keys = configuration.Keys()
	}
	list := []setting{}
	for _, key := range keys {
		value, err := cfg.Get(key)
		if err != nil {
			return nil, err
		}
		list = append(list, setting{key, value, string(cfg.Origins[key])})
	}
	return list, nil
}

func (a *app) readThere(cmd *cobra.Command, keys []string) ([]setting, error) {
	list := []setting{}
	add := func(s api.Setting) { list = append(list, setting{s.Key, s.Value, s.Origin}) }
	err := a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
		if len(keys) == 0 {
			all, err := node.Settings(ctx)
			for _, s := range all {
				add(s)
			}
			return err
		}
		for _, key := range keys {
			s, err := node.Setting(ctx, key)
			if err != nil {
				return err
			}
			add(s)
		}
		return nil
	})
	return list, err
}

func (a *app) setHere(key, value string) error {
	cfg, err := a.load(nil)
	if cfg.Path == "" {
		return err
	}
	if err := configuration.Set(cfg.Path, key, value, configuration.Here()); err != nil {
		return advise(err, "caravela config check")
	}
	a.sayf("%s: %s = %s (acts when the node starts again)", cfg.Path, key, value)
	if cfg.Origins[key] == configuration.FromEnv {
		a.sayf("note: the environment sets %s too, and is stronger than the file", key)
	}
	return nil
}

func (a *app) setThere(cmd *cobra.Command, where, key, value string) error {
	return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
		s, err := node.SetSetting(ctx, key, value)
		if err != nil {
			return err
		}
		a.sayf("%s: %s = %s in that node's file (acts when it starts again)", where, key, value)
		if s.Origin == "env" || s.Origin == "flag" {
			a.sayf("note: that node's %s is stronger than its file: %s stays %s", strongerWord(s.Origin), key, s.Value)
		}
		return nil
	})
}

func strongerWord(origin string) string {
	if origin == "env" {
		return "environment"
	}
	return "command line"
}

func completeKeys(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return configuration.Keys(), cobra.ShellCompDirectiveNoFileComp
}
