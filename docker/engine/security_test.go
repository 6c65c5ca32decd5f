//go:build docker

package engine_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"caravela/docker"
	"caravela/market"
)

// TestConfinement looks from inside the container and at what the daemon
// keeps of it.
func TestConfinement(t *testing.T) {
	a := newSupplier(t, 1, func(c *docker.Config) { c.Pids = 32 })
	c := a.run(1, nil, "sleep")
	for verb, want := range map[string]string{
		"status CapEff":     "CapEff:\t00000000000004fb",
		"status CapBnd":     "CapBnd:\t00000000000004fb",
		"status NoNewPrivs": "NoNewPrivs:\t1",
		"status Seccomp:":   "Seccomp:\t2",
	} {
		if got, _ := a.exec(c, strings.Fields(verb)...); got != want {
			t.Errorf("%s: %q, want %q", verb, got, want)
		}
	}
	groups, _ := a.exec(c, "cgroup")
	for line := range strings.Lines(groups) {
		if !strings.HasSuffix(strings.TrimSpace(line), ":/") {
			t.Errorf("the cgroup namespace is not private: %s", line)
		}
	}
	if out, code := a.exec(c, "fork", "64"); code == 0 {
		t.Errorf("64 processes of 32 could be made: %s", out)
	}

	raw := theLab.containerOf(t, c.Lease)
	h := raw.HostConfig
	if h.Memory != int64(64*market.MiB) || h.MemorySwap != h.Memory || h.NanoCPUs != 500_000_000 || h.PidsLimit == nil || *h.PidsLimit != 32 {
		t.Errorf("limits: %+v", h.Resources)
	}
	if h.Privileged || h.PidMode != "" || h.IpcMode != "private" || h.UTSMode != "" || len(h.Binds) > 0 || len(h.Devices) > 0 {
		t.Errorf("namespaces of the host: %+v", h)
	}
	if h.LogConfig.Config["max-size"] == "" || h.LogConfig.Config["max-file"] == "" {
		t.Errorf("logs are not bounded: %+v", h.LogConfig)
	}
}

func TestWhatTheSpecAsksFor(t *testing.T) {
	a := newSupplier(t, 1, nil)
	c := a.run(1, func(s *market.Spec) {
		s.User, s.WorkDir, s.ReadOnly, s.CapDrop, s.Hostname = "1000:1001", "/bin", true, []string{"ALL"}, "box"
		s.Mounts = []market.Mount{{Volume: "ro", Target: "/ro", ReadOnly: true}}
	}, "sleep")
	if got, _ := a.exec(c, "id"); got != "1000 1001" {
		t.Errorf("user: %q", got)
	}
	if got, _ := a.exec(c, "status", "CapBnd"); got != "CapBnd:\t0000000000000000" {
		t.Errorf("capabilities: %q", got)
	}
	for _, file := range []string{"/x", "/ro/x"} {
		if out, code := a.exec(c, "write", file, "x"); code == 0 || !strings.Contains(out, "read-only") {
			t.Errorf("write %s: %q", file, out)
		}
	}
	if raw := theLab.containerOf(t, c.Lease); raw.Config.Hostname != "box" || raw.Config.WorkingDir != "/bin" {
		t.Errorf("config: %+v", raw.Config)
	}
}

// TestMisspeltCapability: a dropped capability that does not exist would leave
// the tenant with the one that was meant.
func TestMisspeltCapability(t *testing.T) {
	a := newSupplier(t, 1, nil)
	u := a.unit(1, func(s *market.Spec) { s.CapDrop = []string{"CHWN"} }, "sleep")
	if _, err := a.Launch(a.ctx, u, nil); !errors.Is(err, docker.ErrBadUnit) {
		t.Errorf("launch: %v", err)
	}
	a.run(1, func(s *market.Spec) { s.CapDrop = []string{"cap_chown", "NET_RAW"} }, "sleep")
}

// TestCredentials checks that they reach the registry, and nothing else.
func TestCredentials(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 16)
	srv := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		got <- user + " " + password
		if r.URL.Path != "/v2/" {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
		}
	})}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	auth, err := json.Marshal(map[string]string{"username": "ann", "password": "s3cret?>"})
	if err != nil {
		t.Fatal(err)
	}
	for name, encoding := range map[string]*base64.Encoding{"url": base64.URLEncoding, "standard": base64.StdEncoding, "raw": base64.RawURLEncoding} {
		a := newSupplier(t, 1, nil)
		u := a.unit(1, func(s *market.Spec) { s.Image, s.Pull = l.Addr().String()+"/x", market.PullMissing }, "sleep")
		u.Auth = docker.Secret(encoding.EncodeToString(auth))
		_, err := a.Launch(a.ctx, u, nil)
		if docker.ReasonOf(err) != market.ImageMissing || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: launch: %v", name, err)
		}
		select {
		case g := <-got:
			if g != "ann s3cret?>" {
				t.Errorf("%s: the registry got %q", name, g)
			}
		default:
			t.Errorf("%s: the registry got no credentials", name)
		}
	}
}

// TestRuntime asks for runtimes that are there and that are not.
func TestRuntime(t *testing.T) {
	a := newSupplier(t, 1, func(c *docker.Config) { c.Runtime = "runc" })
	a.run(1, nil, "sleep")
	b := newSupplier(t, 2, func(c *docker.Config) { c.Runtime = "runsc" })
	in, err := b.Info(b.ctx)
	if err != nil || len(in.Problems) != 1 || !strings.Contains(in.Problems[0], `"runsc"`) {
		t.Errorf("info: %+v, %v", in, err)
	}
	if _, err := b.Launch(b.ctx, b.unit(1, nil, "sleep"), nil); docker.ReasonOf(err) != market.Unsupported {
		t.Errorf("launch: %v", err)
	}
}

// TestForeignPrograms runs a program that calls the kernel as 32-bit programs
// do, in an image for a 64-bit machine.
func TestForeignPrograms(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Logf("nothing to see on %s", runtime.GOARCH)
		return
	}
	const answer, killed = 42, 128 + 31 // by SIGSYS
	if err := theLab.load("tiny32:latest", tiny32(answer), ""); err != nil {
		t.Fatal(err)
	}
	tiny := func(s *market.Spec) { s.Image = "tiny32" }
	for allowed, want := range map[bool]int32{false: killed, true: answer} {
		a := newSupplier(t, 1, func(c *docker.Config) { c.Programs32 = allowed })
		c := a.run(1, tiny)
		if x, err := a.Wait(a.ctx, c.Lease); err != nil || x.Code != want {
			t.Errorf("allowed %v: exit code %d, %v; want %d", allowed, x.Code, err, want)
		}
		if err := a.Remove(a.ctx, c.Lease, true); err != nil {
			t.Fatal(err)
		}
	}
}

// tiny32 is an i386 program that ends with a code: a header, one segment, and
// the system call.
func tiny32(code byte) []byte {
	const base, header = 0x08048000, 52 + 32
	text := []byte{0xb8, 1, 0, 0, 0, 0xbb, code, 0, 0, 0, 0xcd, 0x80} // eax = exit, ebx = code, int 0x80
	var b bytes.Buffer
	put := func(vs ...any) {
		for _, v := range vs {
			_ = binary.Write(&b, binary.LittleEndian, v) // into memory
		}
	}
	put([16]byte{0x7f, 'E', 'L', 'F', 1, 1, 1}, uint16(2), uint16(3), uint32(1), uint32(base+header), uint32(52), uint32(0), uint32(0),
		uint16(52), uint16(32), uint16(1), uint16(0), uint16(0), uint16(0))
	size := uint32(header + len(text))
	put(uint32(1), uint32(0), uint32(base), uint32(base), size, size, uint32(5), uint32(0x1000))
	put(text)
	return b.Bytes()
}

// TestAnotherRegistryProvesNothing: the daemon fetches nothing that it has, so
// a registry of the tenant's own could hand out others' private images by
// naming them.
func TestAnotherRegistryProvesNothing(t *testing.T) {
	a := newSupplier(t, 1, nil)
	pull := func(tenant byte, image string, auth docker.Secret) error {
		u := a.unit(tenant, func(s *market.Spec) { s.Image, s.Pull = image, market.PullAlways }, "sleep")
		u.Auth = auth
		_, err := a.Launch(a.ctx, u, nil)
		return err
	}
	if err := pull(1, loginAddr+"/private", login()); err != nil {
		t.Fatal(err)
	}
	const elsewhere = registryAddr + "/private" // where anybody gets it
	if err := pull(2, elsewhere, ""); !errors.Is(err, docker.ErrImageMissing) || !strings.Contains(err.Error(), "another registry") {
		t.Errorf("launch: %v", err)
	}
	if _, err := theLab.api.ImageInspect(a.ctx, elsewhere); err == nil {
		t.Error("the name that was refused stays")
	}
	if err := pull(2, loginAddr+"/private", login()); err != nil {
		t.Errorf("with credentials: %v", err)
	}
}
