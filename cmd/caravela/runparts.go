package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"caravela/api"
	"caravela/market"
)

// readEnv joins files and flags into KEY=VALUE entries. A later entry covers
// an earlier one; a bare KEY takes the value of this process, and is left out
// where there is none, as docker does.
func readEnv(files, flags, environ []string) ([]string, error) {
	entries, err := readLines("--env-file", files)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range append(entries, flags...) {
		key, _, hasValue := strings.Cut(e, "=")
		if key == "" || strings.ContainsAny(key, " \t") {
			return nil, fmt.Errorf("--env: %q is not KEY=VALUE or KEY", e)
		}
		if !hasValue {
			i := slices.IndexFunc(environ, func(v string) bool { return strings.HasPrefix(v, key+"=") })
			if i < 0 {
				continue
			}
			e = environ[i]
		}
		out = slices.DeleteFunc(out, func(v string) bool { return strings.HasPrefix(v, key+"=") })
		out = append(out, e)
	}
	return out, nil
}

// readLabels joins files and flags into labels, sorted by key; a later entry
// covers an earlier one.
func readLabels(files, flags []string) ([]api.Label, error) {
	entries, err := readLines("--label-file", files)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, e := range append(entries, flags...) {
		key, value, _ := strings.Cut(e, "=")
		if key == "" {
			return nil, fmt.Errorf("--label: %q is not KEY=VALUE", e)
		}
		values[key] = value
	}
	var out []api.Label
	for k, v := range values {
		out = append(out, api.Label{Key: k, Value: v})
	}
	slices.SortFunc(out, func(a, b api.Label) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// readLines reads docker's files of one entry a line; # begins a comment line.
func readLines(flag string, files []string) ([]string, error) {
	var out []string
	for _, path := range files {
		info, err := os.Stat(path)
		if err == nil && info.Size() > market.MaxSpecBytes {
			err = fmt.Errorf("%s is larger than a container's description may be (%d bytes)", path, market.MaxSpecBytes)
		}
		var text []byte
		if err == nil {
			text, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		if !utf8.Valid(text) {
			return nil, fmt.Errorf("%s: %s is not text in UTF-8", flag, path)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, market.MaxSpecBytes+1)
		for lines.Scan() {
			line := strings.TrimLeft(lines.Text(), " \t\ufeff")
			if line != "" && line[0] != '#' {
				out = append(out, strings.TrimSuffix(line, "\r"))
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", flag, path, err)
		}
	}
	return out, nil
}

// parseVolume reads -v: /path for a volume of the lease, NAME:/path for one
// that has a name, then :ro, :rw or :keep, or several of them with commas.
func parseVolume(s string) (api.Mount, error) {
	if strings.HasPrefix(s, "/") && !strings.Contains(s, ":") {
		return api.Mount{Target: s}, nil
	}
	name, rest, _ := strings.Cut(s, ":")
	target, options, _ := strings.Cut(rest, ":")
	if strings.HasPrefix(name, "/") && strings.HasPrefix(target, "/") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") {
		return api.Mount{}, advise(fmt.Errorf("-v %s is not supported: %q would be a path of the supplier's machine, which is not yours", s, name),
			"-v NAME:%s for a volume at the supplier, or put the files into the image", orPath(target))
	}
	if strings.HasPrefix(name, "/") { // /path:ro
		name, target, options = "", name, rest
	}
	m := api.Mount{Volume: name, Target: target}
	for _, o := range strings.FieldsFunc(options, func(r rune) bool { return r == ',' }) {
		switch o {
		case "ro":
			m.ReadOnly = true
		case "rw":
		case "keep":
			m.Keep = true
		default:
			return m, advise(fmt.Errorf("-v %s: option %q is not supported", s, o), "-v NAME:/path:ro, or :keep to outlive the lease")
		}
	}
	return m, nil
}

func orPath(target string) string {
	if target == "" {
		return "/path"
	}
	return target
}

// parseMount reads --mount type=volume,src=NAME,dst=/path,readonly,keep.
func parseMount(s string) (api.Mount, error) {
	var m api.Mount
	bad := func(format string, args ...any) (api.Mount, error) {
		return m, advise(fmt.Errorf("--mount %s: %s", s, fmt.Sprintf(format, args...)), "--mount type=volume,src=NAME,dst=/path")
	}
	for _, part := range strings.Split(s, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "type":
			if value != "volume" {
				return bad("type %q is not supported; the supplier's files are not yours, and a volume of the lease serves as tmpfs", value)
			}
		case "src", "source":
			m.Volume = value
		case "dst", "target", "destination":
			m.Target = value
		case "readonly", "ro":
			m.ReadOnly = value == "" || truth(value)
		case "keep":
			m.Keep = value == "" || truth(value)
		default:
			return bad("option %q is not supported", key)
		}
	}
	if m.Target == "" {
		return bad("dst is missing")
	}
	return m, nil
}
