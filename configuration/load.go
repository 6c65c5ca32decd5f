package configuration

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Sources is what Load reads, from the strongest to the weakest.
type Sources struct {
	Flags map[string]string // setting key -> text as typed
	Env   []string          // as os.Environ returns it
	File  string            // an explicit path, which must exist; "" = looked for
	Place Place
}

// Origin says where the value in force came from.
type Origin string

// The origins; one from a file carries its place, "/etc/caravela/caravela.toml:12".
const (
	FromDefault Origin = "default"
	FromProfile Origin = "profile"
	FromEnv     Origin = "environment"
	FromFlag    Origin = "flag"
)

// Effective is a configuration and where each part of it came from.
type Effective struct {
	Config
	Path     string            // the file that was read, else the one that Set would make
	Found    bool              // whether Path exists
	Origins  map[string]Origin // for each setting
	Warnings []string          // for the user: variables that name no setting
}

// Load returns the configuration in force. Its error joins every *Problem
// found in file, environment and flags; the Effective is then of use only to
// say what was read.
func Load(src Sources) (Effective, error) {
	l := loader{src: src, env: environ(src.Env)}
	l.locate()
	l.readFile()
	l.layer()
	l.warn()
	if len(l.found) == 0 {
		l.check(l.out.Validate())
	}
	return l.out, errors.Join(l.found...)
}

type loader struct {
	src   Sources
	env   map[string]string
	doc   document
	file  map[string]any // leaves of the file by setting key
	out   Effective
	found []error
}

func environ(entries []string) map[string]string {
	out := map[string]string{}
	for _, e := range entries {
		if k, v, _ := strings.Cut(e, "="); strings.HasPrefix(k, "CARAVELA_") || k == "DOCKER_HOST" {
			out[k] = v
		}
	}
	return out
}

// fromEnv returns what the environment says of s. An empty variable is one
// that is not set.
func (l *loader) fromEnv(s setting) (string, string, bool) {
	for _, name := range []string{s.env(), s.alias} {
		if v := l.env[name]; name != "" && v != "" {
			return v, name, true
		}
	}
	return "", "", false
}

// early returns what flag or environment say of a setting that must be known
// before the file is found or the defaults are made.
func (l *loader) early(key string) string {
	s, _ := find(key)
	if v, ok := l.src.Flags[key]; ok {
		return v
	}
	v, _, _ := l.fromEnv(s)
	return v
}

func (l *loader) locate() {
	if explicit := l.explicit(); explicit != "" {
		l.out.Path = explicit
		return
	}
	dir := l.src.Place.DataDir()
	if v := l.early("node.data-dir"); v != "" {
		dir = filepath.Clean(v)
	}
	candidates := l.src.Place.files(dir)
	l.out.Path = candidates[0]
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			l.out.Path = path
			return
		}
	}
}

// explicit is the file that the user named.
func (l *loader) explicit() string { return cmp.Or(l.src.File, l.env["CARAVELA_CONFIG"]) }

// reason is an error without the path that it is about.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (l *loader) readFile() {
	text, err := readText(l.out.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && l.explicit() == "":
		return
	case err != nil && l.explicit() == "":
		dir := filepath.Dir(l.out.Path)
		l.found = append(l.found, &Problem{Text: fmt.Sprintf("look into the data directory %s: %v", dir, reason(err)),
			Remedy: "give a directory of your own with --data-dir, or run as the user whose it is (sudo)"})
		return
	case err != nil:
		l.found = append(l.found, &Problem{Text: fmt.Sprintf("read the configuration: %v", err), Remedy: "name a file that you can read, or leave --config out"})
		return
	}
	l.out.Found = true
	var err2 error
	l.file, l.doc, err2 = parse(l.out.Path, text)
	if err2 != nil {
		l.found = append(l.found, err2)
	}
}

func readText(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return "", fmt.Errorf("%s is not a file of at most %d bytes", path, maxFile)
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

// parse decodes a TOML text into the leaves that settings take. Its error
// joins a Problem for each key that names no setting.
func parse(path, text string) (map[string]any, document, error) {
	tree := map[string]any{}
	if _, err := toml.Decode(text, &tree); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, document{}, &Problem{At: fmt.Sprintf("%s:%d", path, at.Position.Line), Text: at.Message, Remedy: "write KEY = VALUE below a [section]"}
		}
		return nil, document{}, &Problem{At: path, Text: err.Error()}
	}
	doc, leaves := parseDocument(text), map[string]any{}
	return leaves, doc, collect(tree, "", leaves, func(key string) string {
		return fmt.Sprintf("%s:%d", path, doc.line(key))
	})
}

// collect walks the decoded tree down to the settings.
func collect(tree map[string]any, prefix string, leaves map[string]any, at func(string) string) error {
	var found []error
	for _, name := range sortedKeys(tree) {
		key := prefix + name
		_, isSetting := find(key)
		sub, isTable := tree[name].(map[string]any)
		switch {
		case isSetting:
			leaves[key] = tree[name]
		case isTable && isSection(key):
			found = append(found, collect(sub, key+".", leaves, at))
		default:
			found = append(found, &Problem{Key: key, At: at(key), Text: "unknown key", Remedy: suggest(key)})
		}
	}
	return errors.Join(found...)
}

func isSection(name string) bool { return slices.Contains(sectionNames(), name) }

func sectionNames() []string {
	var out []string
	for _, s := range settings() {
		if name, _, _ := strings.Cut(s.key, "."); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// suggest says which known key may have been meant by an unknown one.
func suggest(key string) string {
	keys := Keys()
	if !strings.Contains(key, ".") {
		if best, ok := Nearest(key, sectionNames()); ok {
			return fmt.Sprintf("did you mean [%s]?", best)
		}
	}
	if best, ok := Nearest(key, keys); ok {
		return fmt.Sprintf("did you mean %s?", best)
	}
	// The right name in the wrong section, as "cpus" at the top.
	last := key[strings.LastIndexByte(key, '.')+1:]
	for _, k := range keys {
		if strings.HasSuffix(k, "."+last) {
			return fmt.Sprintf("did you mean %s?", k)
		}
	}
	return "`caravela config check` prints every key"
}

// layer sets the defaults of the profile, then file, environment and flags.
func (l *loader) layer() {
	profile := l.profile()
	plain := l.src.Place.Defaults(Server)
	l.out.Config = l.src.Place.Defaults(profile)
	l.out.Origins = map[string]Origin{}
	for _, s := range settings() {
		l.out.Origins[s.key] = FromDefault
		if !slices.Equal(s.get(&plain), s.get(&l.out.Config)) {
			l.out.Origins[s.key] = FromProfile
		}
		l.setOne(s)
		if s.key == "node.data-dir" {
			// The socket's default follows the data directory.
			l.out.Node.DataDir = filepath.Clean(l.out.Node.DataDir)
			l.out.API.Addresses = []string{l.src.Place.Socket(l.out.Node.DataDir)}
		}
	}
}

func (l *loader) profile() Profile {
	v := l.early("node.profile")
	if fromFile, ok := l.file["node.profile"].(string); ok && v == "" {
		v = fromFile
	}
	if p, err := oneOf(Server, Home, LowPower)(v); err == nil {
		return p
	}
	return Server // a wrong word is reported where it is set
}

// setOne applies file, environment and flag to one setting, each over the
// one before.
func (l *loader) setOne(s setting) {
	if raw, ok := l.file[s.key]; ok {
		at := fmt.Sprintf("%s:%d", l.out.Path, l.doc.line(s.key))
		l.set(s, Origin(at), at, func() error { return s.setRaw(&l.out.Config, raw) })
	}
	if v, name, ok := l.fromEnv(s); ok {
		l.set(s, FromEnv, "$"+name, func() error { return s.setText(&l.out.Config, v) })
	}
	if v, ok := l.src.Flags[s.key]; ok {
		l.set(s, FromFlag, "flag", func() error { return s.setText(&l.out.Config, v) })
	}
}

func (l *loader) set(s setting, from Origin, at string, apply func() error) {
	if err := apply(); err != nil {
		l.found = append(l.found, &Problem{Key: s.key, At: at, Text: err.Error()})
		return
	}
	l.out.Origins[s.key] = from
}

// check adds what Validate found, with the places of the values at fault.
func (l *loader) check(err error) {
	for _, p := range problems(err) {
		switch from := l.out.Origins[p.Key]; from {
		case FromDefault, FromProfile:
		default:
			p.At = string(from)
		}
		l.found = append(l.found, p)
	}
}

// warn notices variables that look like settings and are none.
func (l *loader) warn() {
	known := []string{"CARAVELA_CONFIG", "CARAVELA_HOST", "CARAVELA_YES", "CARAVELA_API_TOKEN"}
	for _, s := range settings() {
		known = append(known, s.env(), s.alias)
	}
	for _, name := range sortedKeys(l.env) {
		if slices.Contains(known, name) || strings.HasPrefix(name, "CARAVELA_INTERNAL_") {
			continue
		}
		hint := ""
		if best, ok := Nearest(name, known); ok {
			hint = fmt.Sprintf("; did you mean %s?", best)
		}
		l.out.Warnings = append(l.out.Warnings, fmt.Sprintf("$%s names no setting%s", name, hint))
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// Keys lists every setting's key, in the order of `config check`.
func Keys() []string { return each(settings(), func(s setting) string { return s.key }) }
