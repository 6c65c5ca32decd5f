package main

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"caravela/api"
)

// Flags may stand before the image or straight after it; the first bare word
// after the image begins the command, which is passed as it is.
func TestWhereFlagsMayStand(t *testing.T) {
	tests := []struct {
		line    string
		command string // words joined by |
		cpu     int64
		env     string
	}{
		{"run -d web", "", 1000, ""},
		{"run -d --cpus 2 web", "", 2000, ""},
		{"run web -d --cpus 2", "", 2000, ""},
		{"run -e A=1 web -d --cpus=0.5 -e B=2", "", 500, "A=1|B=2"},
		{"run --cpus 2 -d web ls -l --cpus 3", "ls|-l|--cpus|3", 2000, ""},
		{"run web -d ls -d -e C=3", "ls|-d|-e|C=3", 1000, ""},
		{"run -d web -- -c foo", "-c|foo", 1000, ""},
		{"run -d web -e A=1 -- --help", "--help", 1000, "A=1"},
		{"run -d web sh -- x", "sh|--|x", 1000, ""},
		{"run -d -- web -d", "-d", 1000, ""},
		{"run -dm 64m web -", "-", 1000, ""},
		{"-o json run -d web", "", 1000, ""},
		{"run web -o json -d", "", 1000, ""},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			node := record()
			node.events = placed()
			c := newCLI(t, node)
			c.ok(strings.Fields(tt.line)...)
			if len(node.requests) != 1 {
				t.Fatalf("%d requests", len(node.requests))
			}
			s := node.requests[0].Spec
			if s.Image != "web" || strings.Join(s.Command, "|") != tt.command || s.Resources.MilliCPU != tt.cpu || strings.Join(s.Env, "|") != tt.env {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Every flag of docker run is either known or refused by name; a refused one
// keeps the run from starting and says what to do instead.
func TestEveryFlagOfDockerRun(t *testing.T) {
	file, err := os.Open("testdata/docker-run-flags.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	node := record()
	c := newCLI(t, node)
	flags := newRun(&app{}).Flags()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		count++
		words := strings.Fields(lines.Text())
		short, name, value := words[0], words[1], len(words) > 2
		flag := flags.Lookup(name)
		if flag == nil {
			t.Errorf("--%s is not known at all", name)
			continue
		}
		if short != "-" && flag.Shorthand != short {
			t.Errorf("--%s has the short name %q, docker's is %q", name, flag.Shorthand, short)
		}
		if flag.NoOptDefVal == "" != value {
			t.Errorf("--%s differs from docker in taking a value", name)
		}
		if flag.Hidden {
			refusedByName(t, c, flag, value)
		}
	}
	if count < 100 || len(node.requests) > 0 {
		t.Errorf("%d flags, %d runs", count, len(node.requests))
	}
}

func refusedByName(t *testing.T, c *cli, flag *pflag.Flag, value bool) {
	t.Helper()
	for _, args := range [][]string{{"run", "--" + flag.Name + "=x", "web"}, {"run", "web", "--" + flag.Name, "x"}} {
		if !value && args[1] != "web" {
			args[1] = "--" + flag.Name
		}
		r := c.run(args...)
		if r.code != codeNotPlaced || !strings.Contains(r.err, "--"+flag.Name+" is not supported. ") {
			t.Errorf("%q: code %d, %s", args, r.code, r.err)
		}
	}
	if flag.Shorthand != "" {
		if r := c.run("run", "-d", "-"+flag.Shorthand, "x", "web"); r.code != codeError || !strings.Contains(r.err, "--"+flag.Name) {
			t.Errorf("-%s: code %d, %s", flag.Shorthand, r.code, r.err)
		}
	}
}

func TestSeveralRefusalsAreToldAtOnce(t *testing.T) {
	r := newCLI(t, record()).run("run", "--privileged", "--net=host", "web", "--gpus", "all")
	for _, want := range []string{"--privileged", "--net", "--gpus"} {
		if !strings.Contains(r.err, want+" is not supported") {
			t.Errorf("%s is not named in %s", want, r.err)
		}
	}
}

func TestRequestOfAllFlags(t *testing.T) {
	node := record()
	node.events = placed()
	c := newCLI(t, node)
	t.Setenv("FROM_HERE", "yes")
	file := t.TempDir() + "/env"
	if err := os.WriteFile(file, []byte("# comment\nA=file\nFROM_HERE\n\nNOWHERE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run("run", "-d", "--name", "db", "-h", "host", "-u", "1:2", "-w", "/w", "--entrypoint", "/e", "--env-file", file, "-e", "A=flag", "-e", "B=",
		"-l", "b=2", "-l", "a=1", "-v", "data:/d:ro,keep", "-v", "/scratch", "--mount", "type=volume,src=m,dst=/m,readonly", "--cap-drop", "ALL",
		"--read-only", "--pids-limit", "9", "--restart", "on-failure:3", "--pull", "always", "--stop-signal", "INT", "--stop-timeout", "30",
		"--health-cmd", "true", "--health-interval", "1m", "--health-timeout", "5s", "--health-start-period", "2m", "--health-retries", "4",
		"-p", "8080:80", "-p", "53:53/udp", "-p", "9000-9001:90-91", "-p", "443", "--cpus", "1.5", "-m", "1g", "--disk", "2g", "--platform", "linux/arm64",
		"--cpu-class", "v3", "--constraint", "node.labels.region==eu", "--on", "cedar", "--strategy", "binpack", "--lease", "7d", "--renew", "never",
		"--wait-for-offer", "30m", "--replicas", "2", "--spread", "-it", "image:1", "cmd", "-x")
	got := node.requests[0]
	s, p := got.Spec, got.Policy
	checks := map[string]bool{
		"names":     s.Name == "db" && s.Hostname == "host" && s.User == "1:2" && s.WorkDir == "/w" && s.Image == "image:1",
		"command":   slices.Equal(s.Command, []string{"cmd", "-x"}) && slices.Equal(s.Entrypoint, []string{"/e"}),
		"env":       slices.Equal(s.Env, []string{"FROM_HERE=yes", "A=flag", "B="}),
		"labels":    slices.Equal(s.Labels, []api.Label{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}),
		"mounts":    slices.Equal(s.Mounts, []api.Mount{{Volume: "data", Target: "/d", ReadOnly: true, Keep: true}, {Target: "/scratch"}, {Volume: "m", Target: "/m", ReadOnly: true}}),
		"bounds":    s.ReadOnly && s.Pids == 9 && slices.Equal(s.CapDrop, []string{"ALL"}) && s.TTY && s.Stdin,
		"restart":   s.Restart == "on-failure" && s.RestartMax == 3 && s.Pull == "always" && s.StopSignal == "INT" && s.StopGraceMS == 30000,
		"health":    s.Health == api.HealthCheck{Command: "true", IntervalMS: 60000, TimeoutMS: 5000, StartMS: 120000, Retries: 4},
		"resources": s.Resources == api.Resources{MilliCPU: 1500, MemoryBytes: 1 << 30, DiskBytes: 2 << 30} && s.Platform == "linux/arm64",
		"ports": slices.Equal(s.Ports, []api.Port{{ContainerPort: 80, HostPort: 8080}, {ContainerPort: 53, HostPort: 53, Protocol: "udp"},
			{ContainerPort: 90, HostPort: 9000}, {ContainerPort: 91, HostPort: 9001}, {ContainerPort: 443}}),
		"policy": p.Strategy == api.StrategyBinpack && p.Replicas == 2 && p.Placement == api.PlaceApart && p.Node == "cedar" && p.CPUClass == "v3" &&
			p.LeaseTermMS == 7*86400000 && p.Renew == api.RenewNever && p.WaitForOfferMS == 1800000 && slices.Equal(p.Constraints, []string{"node.labels.region==eu"}),
		"attach": !got.Attach,
	}
	for name, ok := range checks {
		if !ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Flags that cannot be right are refused before the node is asked, with the
// flag's name.
func TestWrongFlags(t *testing.T) {
	tests := map[string]string{
		"run --cpus x web":                         "--cpus",
		"run --cpus 0 web":                         "--cpus",
		"run -m 1k web":                            "--memory",
		"run -v /etc:/x web":                       "path of the supplier's machine",
		"run -v ./here:/x web":                     "path of the supplier's machine",
		"run -v a:/x:z web":                        `option "z"`,
		"run --mount type=bind,src=/a,dst=/b web":  `"bind"`,
		"run --mount type=tmpfs,dst=/b web":        `"tmpfs"`,
		"run --mount src=a web":                    "dst is missing",
		"run -p 127.0.0.1:80:80 web":               "only the supplier can choose",
		"run -p 80:81-82 web":                      "differ in length",
		"run -p 0:80 web":                          "--publish",
		"run -p 80/sctp web":                       "sctp",
		"run -p 1-2000 web":                        "at most",
		"run --restart sometimes web":              "sometimes",
		"run --restart always:3 web":               "--restart",
		"run --pull never-ever web":                "never-ever",
		"run --platform linux web":                 "--platform",
		"run --cpu-class v9 web":                   "--cpu-class",
		"run --constraint region=eu web":           "--constraint",
		"run --strategy fastest web":               "--strategy",
		"run --lease soon web":                     "--lease",
		"run --renew yes web":                      "--renew",
		"run --replicas 0 -d web":                  "--replicas",
		"run --replicas 2 web":                     "need -d",
		"run -d --spread --colocate web":           "exclude each other",
		"run --rm --restart always web":            "exclude each other",
		"run --no-healthcheck --health-cmd x web":  "exclude each other",
		"run -e =1 web":                            "--env",
		"run --env-file /nowhere web":              "--env-file",
		"run --pids-limit -1 web":                  "--pids-limit",
		"run --stop-timeout x web":                 "--stop-timeout",
		"run --detach-keys ctrl-1 web":             "--detach-keys",
		"run -it web":                              "terminal",
		"run --name -x- web":                       "name",
		"run --timeout x web":                      "--timeout",
		"run --format {{.Nope web":                 "--format",
		"run":                                      "no image is named",
		"run web --nope":                           "unknown flag: --nope",
		"run --nam x web":                          "did you mean --name?",
		"run --cidfile /nowhere/x web":             "--cidfile",
		"run --with-registry-auth r.example.com/w": "no login of r.example.com",
	}
	node := record()
	c := newCLI(t, node)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for line, want := range tests {
		r := c.run(strings.Fields(line)...)
		if r.code == 0 || !strings.Contains(r.err, want) {
			t.Errorf("%s: code %d, want %q in %s", line, r.code, want, r.err)
		}
	}
	if len(node.requests) > 0 {
		t.Errorf("the node was asked for %+v", node.requests)
	}
}
