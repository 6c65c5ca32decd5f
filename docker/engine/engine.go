package engine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"caravela/docker"
	"caravela/market"
)

// Engine is a docker.Engine on a Docker daemon.
type Engine struct {
	names
	cfg     docker.Config
	api     *client.Client
	locks   locks
	wall    *firewall
	profile string                // of seccomp, for programs of the daemon's own architecture; "" = none
	daemon  atomic.Pointer[facts] // as Info told last; nil = not asked yet
	pruned  atomic.Int64          // when images were last looked through, in Unix nanoseconds
	resolve func(ctx context.Context, network, host string) ([]netip.Addr, error)
	cleanup time.Duration // for what must be taken back although a ctx has ended
}

var _ docker.Engine = (*Engine)(nil)

// New returns the engine of a scope. It does not talk to the daemon yet, so
// that a node can start before its daemon: call Info.
func New(scope docker.Scope, cfg docker.Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if scope.Supplier.IsZero() {
		return nil, fmt.Errorf("%w: the scope names no supplier", docker.ErrBadConfig)
	}
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if cfg.Host != "" {
		opts = append(opts, client.WithHost(cfg.Host))
	}
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", docker.ErrBadConfig, err)
	}
	profile, err := nativeProfile()
	if err != nil {
		return nil, err
	}
	n := newNames(scope)
	return &Engine{names: n, cfg: cfg, api: api, wall: newFirewall(n), profile: profile, resolve: net.DefaultResolver.LookupNetIP, cleanup: time.Minute}, nil
}

// Close frees the connections to the daemon.
func (e *Engine) Close() error { return e.api.Close() }

// Info asks the daemon what it is and has.
func (e *Engine) Info(ctx context.Context) (docker.Info, error) {
	in, err := e.api.Info(ctx)
	if err != nil {
		return docker.Info{}, explain("ask for the engine's state", err, nil)
	}
	e.learn(&in)
	info := docker.Info{
		CPU:           market.MilliCPU(in.NCPU) * 1000,
		Memory:        market.Bytes(in.MemTotal),
		Platform:      market.Platform{OS: in.OSType, Arch: goArch(in.Architecture)},
		Version:       in.ServerVersion,
		API:           e.api.ClientVersion(),
		CgroupVersion: in.CgroupVersion,
		Publish:       e.publishIP(),
		BoundsDisk:    boundsDisk(&in),
	}
	for name := range in.Runtimes {
		info.Runtimes = append(info.Runtimes, name)
	}
	info.Problems, info.Warnings = e.judge(ctx, &in)
	return info, nil
}

// facts are what launches must know of the daemon.
type facts struct {
	arch    string // as Go calls it
	builtin bool   // seccomp profile
	root    string // directory of images and containers, on the daemon's machine
}

// learn remembers what Info has brought.
func (e *Engine) learn(in *system.Info) *facts {
	f := &facts{arch: goArch(in.Architecture), builtin: usesBuiltin(in), root: in.DockerRootDir}
	e.daemon.Store(f)
	return f
}

// known are the facts, asked for if nobody has called Info yet.
func (e *Engine) known(ctx context.Context) (*facts, error) {
	if f := e.daemon.Load(); f != nil {
		return f, nil
	}
	in, err := e.api.Info(ctx)
	if err != nil {
		return nil, explain("ask for the engine's state", err, nil)
	}
	return e.learn(&in), nil
}

// goArch translates the kernel's name of an architecture into Go's.
func goArch(machine string) string {
	known := map[string]string{"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
	if arch, ok := known[machine]; ok {
		return arch
	}
	if machine == "" {
		return runtime.GOARCH
	}
	return machine
}
