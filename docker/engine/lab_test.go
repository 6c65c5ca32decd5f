//go:build docker

package engine_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"caravela/docker"
	"caravela/docker/dockertest"
	"caravela/docker/engine"
	"caravela/market"
)

// The tests run in a network namespace of their own, with a daemon of their
// own, so that they meet neither the machine's firewall nor its containers.
// A second namespace is the world around: a host on the LAN, and behind it one
// on the Internet.
const (
	lanHost   = "10.99.0.1:8000"
	thisHost  = "10.99.0.2"
	worldHost = "203.0.113.7:8000"

	toolbox = "toolbox:latest"
	role    = "CARAVELA_ENGINE_TEST"
)

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "world":
		beTheWorld()
	case "elsewhere":
		beElsewhere()
	case "inside":
		os.Exit(inside(m))
	default:
		os.Exit(outside())
	}
}

// outside runs the tests again, in a new network namespace.
func outside() int {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "tests of the real engine need root; run them as root, or leave out -tags docker")
		return 1
	}
	c := self("inside", os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func self(as string, args ...string) *exec.Cmd {
	c := exec.Command("/proc/self/exe", args...)
	c.Env = append(os.Environ(), role+"="+as)
	if theLab != nil {
		c.Env = append(c.Env, role+"_HOST=unix://"+theLab.direct())
	}
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return c
}

func beTheWorld() {
	l, err := net.Listen("tcp4", "0.0.0.0:8000")
	if err != nil {
		os.Exit(1)
	}
	os.Stdout.Close() // tells that it listens
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "world") }))
}

// theLab is what inside has set up for all tests: made once, then only read.
var theLab *lab

func inside(m *testing.M) int {
	l, err := newLab()
	if l != nil {
		defer l.close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "set up the test daemon:", err)
		return 1
	}
	theLab = l
	return m.Run()
}

// lab is a daemon behind a proxy, a registry, and the world.
type lab struct {
	dir   string
	api   *client.Client // to the daemon itself
	procs []*exec.Cmd

	mu     sync.Mutex
	daemon *exec.Cmd
	proxy  net.Listener
	conns  map[net.Conn]bool
	cutAt  string // request line that takes the daemon away
}

// The registry, and the same one for those who know the word.
const (
	registryAddr = "127.0.0.1:5000"
	loginAddr    = "127.0.0.1:5001"
	user, word   = "ana", "hush"
)

func newLab() (*lab, error) {
	dir, err := os.MkdirTemp("", "caravela-engine-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, conns: map[net.Conn]bool{}}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"network", l.makeNetwork},
		{"disk", l.makeDisk},
		{"engine", l.startDaemon},
		{"proxy", l.startProxy},
		{"image", l.makeImages},
	} {
		if err := step.do(); err != nil {
			return l, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return l, nil
}

func (l *lab) close() {
	l.killDaemon(syscall.SIGTERM)
	for _, p := range l.procs {
		p.Process.Kill()
		p.Wait()
	}
	syscall.Unmount(l.data(), syscall.MNT_DETACH)
	os.RemoveAll(l.dir)
}

func (l *lab) data() string   { return filepath.Join(l.dir, "data") }
func (l *lab) socket() string { return filepath.Join(l.dir, "proxy.sock") }
func (l *lab) direct() string { return filepath.Join(l.dir, "docker.sock") }

func (l *lab) makeNetwork() error {
	world := self("world")
	ready, err := world.StdoutPipe()
	if err != nil {
		return err
	}
	if err := world.Start(); err != nil {
		return err
	}
	l.procs = append(l.procs, world)
	io.Copy(io.Discard, ready)
	pid := fmt.Sprint(world.Process.Pid)
	for _, line := range []string{
		"ip link set lo up",
		"ip link add v0 type veth peer name w0 netns " + pid,
		"ip addr add " + thisHost + "/24 dev v0",
		"ip link set v0 up",
		"nsenter -t " + pid + " -n ip addr add 10.99.0.1/24 dev w0",
		"nsenter -t " + pid + " -n ip link set w0 up",
		"nsenter -t " + pid + " -n ip link set lo up",
		"nsenter -t " + pid + " -n ip addr add 203.0.113.7/32 dev lo",
		"ip route add default via 10.99.0.1",
	} {
		if err := sh(line); err != nil {
			return err
		}
	}
	return nil
}

func sh(line string) error {
	f := strings.Fields(line)
	out, err := exec.Command(f[0], f[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return nil
}

// makeDisk gives the daemon a disk that can be filled.
func (l *lab) makeDisk() error {
	if err := os.Mkdir(l.data(), 0o700); err != nil {
		return err
	}
	return syscall.Mount("tmpfs", l.data(), "tmpfs", 0, "size=512m")
}

func (l *lab) startDaemon() error {
	log, err := os.Create(filepath.Join(l.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	for _, stale := range []string{"pid", "exec/containerd/containerd.pid"} { // of a killed one, whose zombie may linger
		os.Remove(filepath.Join(l.dir, stale))
	}
	c := exec.Command("dockerd", "--host", "unix://"+l.direct(), "--data-root", l.data(),
		"--exec-root", filepath.Join(l.dir, "exec"), "--pidfile", filepath.Join(l.dir, "pid"), "--bip", "172.31.99.1/24")
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // should the tests be killed
	if err := c.Start(); err != nil {
		return fmt.Errorf("%w; install it with apt-get install docker.io", err)
	}
	l.mu.Lock()
	l.daemon = c
	l.mu.Unlock()
	if l.api == nil {
		if l.api, err = client.NewClientWithOpts(client.WithHost("unix://"+l.direct()), client.WithAPIVersionNegotiation()); err != nil {
			return err
		}
	}
	if err := poll(func() bool { _, err := l.api.Info(context.Background()); return err == nil }); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
}

func (l *lab) killDaemon(sig syscall.Signal) {
	l.mu.Lock()
	c := l.daemon
	l.daemon = nil
	l.mu.Unlock()
	if c != nil {
		c.Process.Signal(sig)
		c.Wait()
	}
}

// poll waits a minute at most.
func poll(ok func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			return errors.New("not within a minute")
		}
	}
	return nil
}

// startProxy puts a socket in front of the daemon's, so that the daemon can be
// killed at a chosen request.
func (l *lab) startProxy() error {
	p, err := net.Listen("unix", l.socket())
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.proxy = p
	l.mu.Unlock()
	go func() {
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			go l.relay(c)
		}
	}()
	return nil
}

func (l *lab) relay(front net.Conn) {
	defer front.Close()
	back, err := net.Dial("unix", l.direct())
	if err != nil {
		return
	}
	defer back.Close()
	l.mu.Lock()
	l.conns[front] = true
	l.mu.Unlock()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		io.Copy(front, back)
		front.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := front.Read(buf)
		if n > 0 && l.cuts(buf[:n]) {
			l.cut()
			return
		}
		if _, werr := back.Write(buf[:n]); werr != nil || err != nil && !errors.Is(err, io.EOF) {
			return
		}
		if err != nil { // the client's half is closed, as after stdin of an attach
			back.(*net.UnixConn).CloseWrite()
			<-answered
			return
		}
	}
}

func (l *lab) cuts(request []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, _, _ := bytes.Cut(request, []byte("\r\n"))
	if l.cutAt == "" || !bytes.HasPrefix(line, []byte("POST ")) || !bytes.Contains(line, []byte(l.cutAt)) {
		return false
	}
	l.cutAt = ""
	return true
}

// cut kills the daemon and closes what is open.
func (l *lab) cut() {
	l.killDaemon(syscall.SIGKILL)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proxy.Close()
	for c := range l.conns {
		c.Close()
		delete(l.conns, c)
	}
}

// makeImages builds the toolbox and puts another image into a registry.
func (l *lab) makeImages() error {
	if err := l.startRegistry(); err != nil {
		return err
	}
	bin := filepath.Join(l.dir, "toolbox")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "caravela/docker/dockertest/toolbox")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		return err
	}
	if err := l.load(toolbox, program, ""); err != nil {
		return err
	}
	if err := l.publish(registryAddr+"/toolbox:latest", program, "not in the other image ", "e30="); err != nil {
		return err
	}
	if err := l.guard(); err != nil {
		return err
	}
	return l.publish(loginAddr+"/private:latest", program, "for few ", string(login()))
}

// publish puts an image into a registry, and away.
func (l *lab) publish(ref string, program []byte, text, auth string) error {
	if err := l.load(ref, program, strings.Repeat(text, 1<<16)); err != nil {
		return err
	}
	ctx := context.Background()
	body, err := l.api.ImagePush(ctx, ref, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer body.Close()
	if out, err := io.ReadAll(body); err != nil || bytes.Contains(out, []byte("errorDetail")) {
		return fmt.Errorf("push: %w: %s", err, out)
	}
	_, err = l.api.ImageRemove(ctx, ref, image.RemoveOptions{})
	return err
}

// guard asks for credentials in front of the registry.
func (l *lab) guard() error {
	ln, err := net.Listen("tcp", loginAddr)
	if err != nil {
		return err
	}
	open := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: registryAddr})
		r.Out.Host = r.In.Host // in the addresses that it gives out
		r.Out.Header.Del("Authorization")
	}}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != word {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		open.ServeHTTP(w, r)
	}))
	return nil
}

// login is what docker login would have kept.
func login() docker.Secret {
	text, _ := json.Marshal(map[string]string{"username": user, "password": word})
	return docker.Secret(base64.URLEncoding.EncodeToString(text))
}

func (l *lab) startRegistry() error {
	file := filepath.Join(l.dir, "registry.yml")
	text := fmt.Sprintf("version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: %s/registry\nhttp:\n  addr: %s\n", l.dir, registryAddr)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	c := exec.Command("docker-registry", "serve", file)
	if err := c.Start(); err != nil {
		return fmt.Errorf("%w; install it with apt-get install docker-registry", err)
	}
	l.procs = append(l.procs, c)
	return poll(func() bool {
		r, err := http.Get("http://" + registryAddr + "/v2/")
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
}

// load imports an image of one program, also as a shell, and a text.
func (l *lab) load(ref string, program []byte, text string) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct {
		name string
		data []byte
	}{{"toolbox", program}, {"bin/sh", program}, {"text", []byte(text)}} {
		w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.data))})
		w.Write(f.data)
	}
	w.Close()
	body, err := l.api.ImageImport(context.Background(), image.ImportSource{Source: &b, SourceName: "-"}, ref,
		image.ImportOptions{Changes: []string{`ENTRYPOINT ["/toolbox"]`}})
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

func (l *lab) config() docker.Config {
	cfg := docker.DefaultConfig()
	cfg.Host, cfg.LANRegistries = "unix://"+l.socket(), true
	return cfg
}

func (l *lab) rig() dockertest.Rig {
	return dockertest.Rig{
		New: func(t *testing.T, s docker.Scope, cfg docker.Config) docker.Engine {
			e, err := engine.New(s, cfg)
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
		Config: l.config(), Image: toolbox,
		Remote: registryAddr + "/toolbox", Absent: registryAddr + "/nothing", Broken: "127.0.0.1:1/x",
		Login: loginAddr + "/private", Auth: login(), SetFree: l.setFree,
		HoldPort:  holdPort,
		StallPull: stallPull,
		Vanish:    func(t *testing.T, _ docker.Engine, lease market.LeaseID) { l.vanish(t, lease) },
		FillDisk:  l.fillDisk,
		CutAt:     l.cutWhen,
		Freeze:    l.freeze,
	}
}

// vanish removes a unit's container behind the engine's back.
func (l *lab) vanish(t *testing.T, lease market.LeaseID) {
	t.Helper()
	if err := l.api.ContainerRemove(t.Context(), l.containerOf(t, lease).ID, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) freeze(t *testing.T) (thaw func()) {
	p := l.daemon.Process
	thaw = sync.OnceFunc(func() { p.Signal(syscall.SIGCONT) })
	t.Cleanup(thaw)
	p.Signal(syscall.SIGSTOP)
	within(t, "the daemon stops", func() bool { return allStopped(p.Pid) })
	return thaw
}

// allStopped looks at every thread: they stop one by one.
func allStopped(pid int) bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		return false
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if _, after, ok := strings.Cut(string(text), ") "); err != nil || !ok || after[0] != 'T' {
			return false
		}
	}
	return true
}

func holdPort(t *testing.T) uint16 {
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return uint16(ln.Addr().(*net.TCPAddr).Port)
}

func stallPull(t *testing.T) (string, func() bool) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	var begun atomic.Bool
	go func() {
		if c, err := ln.Accept(); err == nil {
			begun.Store(true)
			io.Copy(io.Discard, c) // and never an answer
		}
	}()
	return ln.Addr().String() + "/x", begun.Load
}

// containerOf finds a unit's container by its label, as any user of docker could.
func (l *lab) containerOf(t *testing.T, lease market.LeaseID) container.InspectResponse {
	t.Helper()
	all, err := l.api.ContainerList(t.Context(), container.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Labels["caravela.lease"] == lease.String() {
			raw, err := l.api.ContainerInspect(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
	}
	t.Fatal("no container has the label of the lease")
	return container.InspectResponse{}
}

func (l *lab) fillDisk(t *testing.T) func() {
	file := filepath.Join(l.data(), "filler")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, zeros{})
	f.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
	free := func() { os.Remove(file) }
	t.Cleanup(free)
	return free
}

// setFree fills the disk but for so much.
func (l *lab) setFree(t *testing.T, free market.Bytes) {
	file := filepath.Join(l.data(), "filler")
	t.Cleanup(func() { os.Remove(file) })
	var st syscall.Statfs_t
	if err := syscall.Statfs(l.data(), &st); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, zeros{}, int64(st.Bavail)*st.Bsize-int64(free)); err != nil {
		t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (l *lab) cutWhen(t *testing.T, step string) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutAt = map[string]string{"pull": "/images/create", "create": "/containers/create", "start": "/start"}[step]
	return func() {
		if err := l.startDaemon(); err != nil {
			t.Fatal(err)
		}
		if err := l.startProxy(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBattery(t *testing.T) { dockertest.Run(t, theLab.rig()) }
