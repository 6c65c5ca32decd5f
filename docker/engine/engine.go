package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

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
	profile string              // of seccomp, for programs of the daemon's own architecture; "" = none
	abi     atomic.Pointer[abi] // as Info told last; nil = not asked yet
	cleanup time.Duration       // for what must be taken back although a ctx has ended
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
	return &Engine{names: n, cfg: cfg, api: api, wall: newFirewall(n), profile: profile, cleanup: time.Minute}, nil
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
		BoundsDisk:    in.Driver == "btrfs" || in.Driver == "zfs",
	}
	for name := range in.Runtimes {
		info.Runtimes = append(info.Runtimes, name)
	}
	info.Problems, info.Warnings = e.judge(ctx, &in)
	return info, nil
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
