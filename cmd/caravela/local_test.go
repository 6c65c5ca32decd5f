package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"caravela/api"
	"caravela/api/apitest"
)

func TestConfigCommands(t *testing.T) {
	c := newCLI(t, nil)
	c.address = "" // this user's own files
	if out := c.ok("config", "get", "buy.lease"); out != "1d\n" {
		t.Errorf("%q", out)
	}
	c.ok("config", "set", "offer.memory", "8g")
	if out := c.ok("config", "get", "offer.memory", "offer.cpus"); !strings.Contains(out, "8g") || !strings.Contains(out, "caravela.toml:2") || !strings.Contains(out, "auto") {
		t.Errorf("%s", out)
	}
	if out := c.ok("config", "check"); !strings.Contains(out, "memory = \"8g\"") || !strings.Contains(out, "(default)") {
		t.Errorf("%s", out)
	}
	for line, want := range map[string]string{
		"config set offer.memroy 1g":    "did you mean offer.memory?",
		"config set offer.share 200":    "not a percentage",
		"config get offers.memory":      "did you mean offer.memory?",
		"config nope":                   "no command",
		"config check --config /nowher": "/nowher",
	} {
		if r := c.run(strings.Fields(line)...); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%s: %+v", line, r)
		}
	}
	path := os.Getenv("CARAVELA_DATA_DIR") + "/caravela.toml"
	if err := os.WriteFile(path, []byte("[ofer]\nx = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := c.run("config", "check"); r.code != 1 || !strings.Contains(r.err, path+":1: ofer: unknown key; did you mean [offer]?") {
		t.Errorf("%+v", r)
	}
}

// With -H, or in an environment that names a node, that node's settings are
// read and changed, never this user's file.
func TestConfigOfAnotherNode(t *testing.T) {
	for _, byFlag := range []bool{true, false} {
		there := apitest.NewFake()
		c := newCLI(t, there)
		if !byFlag {
			t.Setenv("CARAVELA_HOST", c.address)
			c.address = ""
		}
		if r := c.run("config", "set", "offer.cpus", "3"); r.code != 0 || !strings.Contains(r.err, "that node's file") {
			t.Errorf("%+v", r)
		}
		if out := c.ok("config", "get", "offer.cpus"); out != "3\n" {
			t.Errorf("%q", out)
		}
		if out := c.ok("config", "get"); !strings.Contains(out, "offer.cpus") {
			t.Errorf("%q", out)
		}
		if s, err := there.Setting(t.Context(), "offer.cpus"); err != nil || s.Value != "3" {
			t.Errorf("the node has %+v, %v", s, err)
		}
		if _, err := os.Stat(os.Getenv("CARAVELA_DATA_DIR") + "/caravela.toml"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file was written here: %v", err)
		}
		if r := c.run("config", "set", "offer.nope", "3"); r.code != 1 || !strings.Contains(r.err, "offer.nope") {
			t.Errorf("%+v", r)
		}
		if r := c.run("config", "check"); r.code != 1 || !strings.Contains(r.err, "config get") {
			t.Errorf("%+v", r)
		}
		if !byFlag {
			continue // --config is stronger than the environment
		}
		if r := c.run("--config", t.TempDir()+"/x.toml", "config", "set", "offer.cpus", "3"); r.code != 1 || !strings.Contains(r.err, "leave one of them out") {
			t.Errorf("%+v", r)
		}
	}
}

// keyed is a node with a real key.
type keyed struct{ *apitest.Fake }

func (keyed) ExportIdentity(context.Context) (api.Identity, error) {
	return api.Identity{ID: "12D3KooWCedar", Key: testKey}, nil
}

// testKey is the form of node/identity, of 32 zero bytes as the seed.
const testKey = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
-----END PRIVATE KEY-----
`

func TestIdentityBackup(t *testing.T) {
	c := newCLI(t, keyed{apitest.NewFake()})
	dir := t.TempDir()
	c.ok("identity", "export", dir+"/key")
	if info, err := os.Stat(dir + "/key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	if r := c.run("identity", "export", dir+"/key"); r.code != 1 {
		t.Errorf("an existing file was overwritten: %+v", r)
	}
	if out := c.ok("identity", "export", "-"); out != testKey {
		t.Errorf("%q", out)
	}
	c.ok("identity", "import", "--data-dir", dir+"/node", dir+"/key")
	if r := c.run("identity", "import", "--data-dir", dir+"/node", dir+"/key"); r.code != 1 || !strings.Contains(r.err, "not replaced") {
		t.Errorf("%+v", r)
	}
	c.stdin = "no key at all"
	if r := c.run("identity", "import", "--data-dir", dir+"/other", "-"); r.code != 1 || !strings.Contains(r.err, "identity export") {
		t.Errorf("%+v", r)
	}
}

func TestLeaveAsks(t *testing.T) {
	c := newCLI(t, apitest.NewFake())
	if r := c.run("leave", "--force"); r.code != 1 || !strings.Contains(r.err, "CARAVELA_YES=1") {
		t.Errorf("%+v", r)
	}
	if r := c.run("leave", "--force", "-y"); r.code != 0 || !strings.Contains(r.err, "left the network") {
		t.Errorf("%+v", r)
	}
	c = newCLI(t, apitest.NewFake())
	t.Setenv("CARAVELA_YES", "1")
	c.ok("leave", "--force")
	if r := c.run("leave", "--deadline", "1h"); r.code != 1 || !strings.Contains(r.err, "--drain") {
		t.Errorf("%+v", r)
	}
}

func TestLifeOfAContainer(t *testing.T) {
	node := apitest.NewFake()
	c := newCLI(t, node)
	id := strings.TrimSpace(c.ok("run", "-d", "--name", "web", "-p", "8080:80", "web"))
	if len(id) != 64 {
		t.Fatalf("%q", id)
	}
	if out := c.ok("ps"); !strings.Contains(out, "10.0.0.2:8080->80/tcp") {
		t.Errorf("%s", out)
	}
	if out := c.ok("logs", "web"); out != "hello\n" {
		t.Errorf("%q", out)
	}
	if out := c.ok("logs", "web", id[:9]); strings.Count(out, "hello") != 2 || !strings.Contains(out, "web       | hello\n") {
		t.Errorf("%q", out)
	}
	c.stdin = "through\n"
	if out := c.ok("exec", "-i", "web", "cat"); out != "through\n" {
		t.Errorf("%q", out)
	}
	if r := c.run("exec", "web", "upper", "x"); r.err != "X" {
		t.Errorf("%+v", r)
	}
	for _, line := range []string{"restart web", "stop -t 5 web", "start web", "kill -s TERM web"} {
		if out := c.ok(strings.Fields(line)...); out != "web\n" {
			t.Errorf("%s: %q", line, out)
		}
	}
	if out := c.ok("wait", "web"); strings.TrimSpace(out) == "" {
		t.Errorf("%q", out)
	}
	if out := c.ok("rm", id[:12], "-o", "json"); !strings.Contains(out, "removed") {
		t.Errorf("%q", out)
	}
	if out := c.ok("ps", "-aq"); out != "" {
		t.Errorf("%q", out)
	}
	token := c.ok("token", "create", "--expires", "1h", "--uses", "1")
	if len(strings.Fields(token)) != 1 {
		t.Errorf("%q", token)
	}
	c.ok("token", "rm", strings.TrimSpace(c.ok("token", "ls", "-q")))
}

// The shell asks for names; a node that does not answer completes nothing.
func TestNamesAreCompleted(t *testing.T) {
	node := apitest.NewFake()
	apitest.Start(t, node, "web")
	c := newCLI(t, node)
	for line, want := range map[string]string{
		"__complete stop ":         "web\tweb on cedar",
		"__complete logs ":         "web",
		"__complete node inspect ": "cedar",
		"__complete run --on ":     "cedar",
		"__complete config set ":   "offer.cpus",
		"__complete ps -o ":        "yaml",
	} {
		words := append(strings.Fields(line), "")
		if out := c.ok(words...); !strings.Contains(out, want) {
			t.Errorf("%s: %q", line, out)
		}
	}
	if out := newCLI(t, nil).ok("__complete", "stop", ""); strings.Contains(out, "web") {
		t.Errorf("%q", out)
	}
}

func TestDetachKeys(t *testing.T) {
	keys, err := parseKeys(defaultDetachKeys)
	if err != nil || !slices.Equal(keys, []byte{16, 17}) {
		t.Fatalf("%v %v", keys, err)
	}
	tests := []struct {
		typed, passed string
		left          bool
	}{
		{"abc", "abc", false},
		{"ab\x10\x11cd", "ab", true},
		{"\x10x\x10\x10\x11", "\x10x\x10", true},
		{"end\x10", "end\x10", false},
	}
	for _, tt := range tests {
		for _, chunk := range []int{1, 64} {
			got, err := io.ReadAll(&keyReader{from: &slowReader{tt.typed, chunk}, keys: keys})
			if string(got) != tt.passed || errors.Is(err, errDetached) != tt.left {
				t.Errorf("%q by %d: %q %v", tt.typed, chunk, got, err)
			}
		}
	}
}

// slowReader gives a few bytes at a time.
type slowReader struct {
	rest  string
	chunk int
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, s.rest[:min(s.chunk, len(s.rest))])
	s.rest = s.rest[n:]
	return n, nil
}

func TestRegistryLogin(t *testing.T) {
	dir := t.TempDir()
	text := `{"auths": {"r.example.com:5000": {"auth": "YW5hOnNlY3JldA=="}, "https://index.docker.io/v1/": {"identitytoken": "tok"}}}`
	if err := os.WriteFile(dir+"/config.json", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(string) string { return dir }
	for image, want := range map[string]bool{"r.example.com:5000/web:1": true, "web": true, "docker.io/library/web": true, "ghcr.io/x/y": false} {
		auth, err := registryAuth(t.Context(), image, getenv)
		if (err == nil) != want || want && auth == "" {
			t.Errorf("%s: %q %v", image, auth, err)
		}
	}
}
