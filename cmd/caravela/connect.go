package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"caravela/api"
	"caravela/configuration"
)

func dialNode(address, token string) (api.Backend, error) {
	client, err := api.New(address, token)
	if err != nil {
		return nil, err
	}
	return client, nil
}

// node returns the node that the command is for, and its address.
func (a *app) node() (api.Backend, string, error) {
	address, err := a.address()
	if err != nil {
		return nil, "", err
	}
	backend, err := a.dial(address, a.getenv("CARAVELA_API_TOKEN"))
	if err != nil {
		return nil, "", advise(err, "caravela -H unix:///run/caravela/api.sock ... , or tcp://host:port")
	}
	return backend, address, nil
}

// address finds the node's API: -H, $CARAVELA_HOST, the configuration of this
// user's node, and at last the socket of the machine's own node.
func (a *app) address() (string, error) {
	for _, given := range []string{a.flags.host, a.getenv("CARAVELA_HOST")} {
		if given == "" {
			continue
		}
		if err := configuration.ValidAddress(given); err != nil {
			return "", advise(err, "-H unix:///path/api.sock, or -H tcp://host:port")
		}
		return given, nil
	}
	cfg, err := a.load(nil)
	if err != nil {
		return "", advise(err, "caravela config check")
	}
	first := cfg.API.Addresses[0]
	machine := configuration.Place{Root: true}
	system := machine.Socket(machine.DataDir())
	if !exists(first) && exists(system) && cfg.Origins["api.address"] == configuration.FromDefault && cfg.Origins["node.data-dir"] == configuration.FromDefault {
		return system, nil
	}
	return first, nil
}

// load reads the configuration, with settings that flags of the command set.
func (a *app) load(set map[string]string) (configuration.Effective, error) {
	return configuration.Load(a.sources(set))
}

// sources are where settings come from. A data directory named on the command
// line is meant from where the user stands; one in a file or in the
// environment of a service must say where it is.
func (a *app) sources(set map[string]string) configuration.Sources {
	if dir := set["node.data-dir"]; dir != "" && !filepath.IsAbs(dir) {
		if abs, err := filepath.Abs(dir); err == nil { // else the check of the settings refuses it
			set = maps.Clone(set)
			set["node.data-dir"] = abs
		}
	}
	return configuration.Sources{Flags: set, Env: a.environ(), File: a.flags.config, Place: configuration.Here()}
}

func exists(address string) bool {
	_, err := os.Stat(strings.TrimPrefix(address, "unix://"))
	return err == nil || !errors.Is(err, fs.ErrNotExist)
}
