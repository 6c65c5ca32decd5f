package main

import (
	"slices"
	"strings"

	"caravela/api"
	"caravela/configuration"
)

// settingsFile is the configuration of a running node as its API shows it.
// Each answer reads the file anew, so that it tells what a restart would use.
type settingsFile struct {
	sources configuration.Sources
}

// All lists the settings, sorted by key.
func (f settingsFile) All() ([]api.Setting, error) {
	cfg, err := configuration.Load(f.sources)
	if err != nil {
		return nil, api.Errorf(api.CodeInvalid, "%v", err).WithNext("caravela config check")
	}
	var out []api.Setting
	for _, s := range cfg.Settings() {
		out = append(out, api.Setting{
			Key: s.Key, Value: s.Value, Default: s.Default, Description: s.Doc, Origin: originName(s.Origin), NeedsRestart: true,
		})
	}
	slices.SortFunc(out, func(a, b api.Setting) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// Get returns one setting.
func (f settingsFile) Get(key string) (api.Setting, error) {
	all, err := f.All()
	if err != nil {
		return api.Setting{}, err
	}
	for _, s := range all {
		if s.Key == key {
			return s, nil
		}
	}
	var none configuration.Effective
	_, err = none.Get(key) // names the nearest key
	return api.Setting{}, api.Errorf(api.CodeNotFound, "%v", err).WithNext("caravela config get")
}

// Set changes the file, and returns the setting as it then stands.
func (f settingsFile) Set(key, value string) (api.Setting, error) {
	cfg, err := configuration.Load(f.sources)
	if err != nil {
		return api.Setting{}, api.Errorf(api.CodeInvalid, "%v", err).WithNext("caravela config check")
	}
	if err := configuration.Set(cfg.Path, key, value, f.sources.Place); err != nil {
		return api.Setting{}, api.Errorf(api.CodeInvalid, "%v", err).WithNext("caravela config check")
	}
	return f.Get(key)
}

// originName is the API's word for an origin.
func originName(o configuration.Origin) string {
	switch o {
	case configuration.FromDefault, configuration.FromProfile:
		return "default"
	case configuration.FromEnv:
		return "env"
	case configuration.FromFlag:
		return "flag"
	}
	return "file"
}
