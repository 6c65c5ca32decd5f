package configuration

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Get returns the setting's value as text, a list's items joined by commas.
// An unknown key is a *Problem that names the nearest one.
func (e *Effective) Get(key string) (string, error) {
	s, ok := find(key)
	if !ok {
		return "", &Problem{Key: key, Text: "unknown key", Remedy: suggest(key)}
	}
	return strings.Join(s.get(&e.Config), ","), nil
}

// TOML prints every setting with its meaning and where its value came from.
// Reading it back as a file gives the same configuration.
func (e *Effective) TOML() string {
	var b strings.Builder
	if e.Found {
		fmt.Fprintf(&b, "# effective configuration; file: %s\n", e.Path)
	} else {
		fmt.Fprintf(&b, "# effective configuration; no file (it would be %s)\n", e.Path)
	}
	last := ""
	for _, s := range settings() {
		section, name, _ := strings.Cut(s.key, ".")
		if section != last {
			fmt.Fprintf(&b, "\n[%s]\n", section)
			last = section
		}
		fmt.Fprintf(&b, "# %s (%s)\n%s = %s\n", s.doc, e.Origins[s.key], name, s.literal(&e.Config))
	}
	return b.String()
}

// Set writes key = value into the file at path, made if need be, keeping all
// else in it, comments included. The file is replaced as a whole or not at
// all. It refuses an unknown key, a malformed value, and a file that would no
// longer be a valid configuration.
func Set(path, key, value string, place Place) error {
	return SetAll(path, map[string]string{key: value}, place)
}

// SetAll is Set for several keys at once: all of them, or none.
func SetAll(path string, values map[string]string, place Place) error {
	text, err := readText(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the configuration: %w", err)
	}
	keys := sortedKeys(values)
	sort.SliceStable(keys, func(i, j int) bool { return order(keys[i]) < order(keys[j]) })
	for _, key := range keys {
		if text, err = setText(path, text, key, values[key]); err != nil {
			return err
		}
	}
	if err := checkText(path, text, place); err != nil {
		return err
	}
	return replace(path, text)
}

func order(key string) int {
	for i, s := range settings() {
		if s.key == key {
			return i
		}
	}
	return -1
}

func setText(path, text, key, value string) (string, error) {
	s, ok := find(key)
	if !ok {
		return "", &Problem{Key: key, Text: "unknown key", Remedy: suggest(key)}
	}
	var c Config
	if err := s.setText(&c, value); err != nil {
		return "", &Problem{Key: key, Text: err.Error()}
	}
	_, doc, err := parse(path, text)
	if err != nil {
		return "", err
	}
	return doc.with(key, s.literal(&c))
}

// checkText validates a text as if it were the only source.
func checkText(path, text string, place Place) error {
	l := loader{src: Sources{Place: place}, env: map[string]string{}}
	l.out.Path = path
	var err error
	if l.file, l.doc, err = parse(path, text); err != nil {
		return err
	}
	l.layer()
	if len(l.found) == 0 {
		l.check(l.out.Validate())
	}
	return errors.Join(l.found...)
}

// replace writes text beside path, makes it durable, and renames it over path.
func replace(path, text string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the configuration's directory: %w", err)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(dir, ".caravela.toml-*")
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already after the rename
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Setting is one setting of an effective configuration, as text.
type Setting struct {
	Key     string
	Value   string // a list's items joined by commas
	Default string // of the profile in force
	Doc     string // what it means
	Origin  Origin
}

// Settings lists every setting, in the order of Keys.
func (e *Effective) Settings() []Setting {
	plain := Here().Defaults(e.Node.Profile)
	return each(settings(), func(s setting) Setting {
		return Setting{
			Key: s.key, Value: strings.Join(s.get(&e.Config), ","), Default: strings.Join(s.get(&plain), ","),
			Doc: s.doc, Origin: e.Origins[s.key],
		}
	})
}
