package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/market"
)

// runFlags holds what `caravela run` was given.
type runFlags struct {
	want
	detach, interactive, tty, quiet, remove, dryRun bool
	readOnly, noHealth, sigProxy                    bool
	spread, colocate, withAuth                      bool
	replicas                                        int
	restartPolicy, pids                             string
	name, hostname, user, workdir, entrypoint       string
	env, envFile, label, labelFile, volume, mount   []string
	capDrop                                         []string
	pull, renew, waitForOffer, hold, maxCost        string
	healthCmd, healthInterval, healthTimeout        string
	healthStart, stopSignal, stopTimeout            string
	healthRetries                                   int
	cidFile, detachKeys                             string
}

func (r *runFlags) register(cmd *cobra.Command, a *app) {
	r.want.register(cmd, a)
	f := cmd.Flags()
	f.Bool("help", false, "show this help") // -h is the hostname, as in docker
	f.BoolVarP(&r.detach, "detach", "d", false, "print the container's ID once it runs, and return")
	f.BoolVarP(&r.interactive, "interactive", "i", false, "pass on standard input")
	f.BoolVarP(&r.tty, "tty", "t", false, "give the container a terminal")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "no progress on standard error")
	f.BoolVar(&r.remove, "rm", false, "end the lease when the container exits")
	f.BoolVar(&r.dryRun, "dry-run", false, "show which supplier would be chosen, and lease nothing")
	f.StringVar(&r.name, "name", "", "name of the container (default one made from the lease)")
	f.StringVarP(&r.hostname, "hostname", "h", "", "host name inside the container")
	f.StringVarP(&r.user, "user", "u", "", "user, NAME|UID[:GROUP|GID]")
	f.StringVarP(&r.workdir, "workdir", "w", "", "working directory inside the container")
	f.StringVar(&r.entrypoint, "entrypoint", "", "program that replaces the image's ENTRYPOINT")
	f.StringArrayVarP(&r.env, "env", "e", nil, "variable KEY=VALUE, or KEY from this environment (repeatable)")
	f.StringArrayVar(&r.envFile, "env-file", nil, "file of variables, one a line (repeatable)")
	f.StringArrayVarP(&r.label, "label", "l", nil, "label of the container, KEY=VALUE (repeatable)")
	f.StringArrayVar(&r.labelFile, "label-file", nil, "file of labels, one a line (repeatable)")
	f.StringArrayVarP(&r.volume, "volume", "v", nil, "[NAME:]/path[:ro,keep]; ends with the lease unless kept (repeatable)")
	f.StringArrayVar(&r.mount, "mount", nil, "type=volume,src=NAME,dst=/path[,readonly] (repeatable)")
	f.StringSliceVar(&r.capDrop, "cap-drop", nil, "capability to take away, or ALL (repeatable)")
	f.BoolVar(&r.readOnly, "read-only", false, "root file system that cannot be written")
	f.StringVar(&r.pids, "pids-limit", "", "most processes (default the supplier's)")
	f.StringVar(&r.restartPolicy, "restart", "no", "no, on-failure[:N], always or unless-stopped")
	f.StringVar(&r.pull, "pull", "missing", "when the supplier asks the registry: missing, always or never")
	f.BoolVar(&r.withAuth, "with-registry-auth", false, "show the supplier your docker login of the image's registry, for this one pull")
	f.StringVar(&r.stopSignal, "stop-signal", "", "signal that asks the container to stop")
	f.StringVar(&r.stopTimeout, "stop-timeout", "", "time between that signal and SIGKILL, such as 30 or 30s")
	f.StringVar(&r.cidFile, "cidfile", "", "write the container's ID into this new file")
	f.StringVar(&r.detachKeys, "detach-keys", defaultDetachKeys, "keys that leave a container with -it running")
	f.BoolVar(&r.sigProxy, "sig-proxy", true, "pass signals on to the container")
	r.registerHealth(cmd)
	r.registerPolicy(cmd)
}

func (r *runFlags) registerHealth(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.healthCmd, "health-cmd", "", "command that says whether the container is healthy")
	f.StringVar(&r.healthInterval, "health-interval", "", "time between two checks (default 30s)")
	f.StringVar(&r.healthTimeout, "health-timeout", "", "longest time of one check (default 30s)")
	f.StringVar(&r.healthStart, "health-start-period", "", "time in which failures do not count")
	f.IntVar(&r.healthRetries, "health-retries", 0, "failures in a row that make it unhealthy (default 3)")
	f.BoolVar(&r.noHealth, "no-healthcheck", false, "ignore the image's health check")
}

func (r *runFlags) registerPolicy(cmd *cobra.Command) {
	r.registerReplicas(cmd)
	f := cmd.Flags()
	f.StringVar(&r.hold, "hold", "", "lease what \"caravela quote --hold\" has reserved, by the ID that it printed")
	f.StringVar(&r.maxCost, "max-cost", "", "end the lease before it costs more in all, such as 5 or \"5 EUR\"")
	f.StringVar(&r.renew, "renew", "", "renew the lease while this node lives: auto or never (default the node's buy.renew)")
	f.StringVar(&r.waitForOffer, "wait-for-offer", "", "keep looking so long while nothing fits, such as 30m")
}

func (r *runFlags) registerReplicas(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&r.replicas, "replicas", 1, "number of containers")
	f.BoolVar(&r.spread, "spread", false, "each replica on another node")
	f.BoolVar(&r.colocate, "colocate", false, "all replicas on one node")
}

// request turns the flags and the words after them into a request.
func (r *runFlags) request(a *app, cmd *cobra.Command, image string, command []string) (api.RunRequest, error) {
	var req api.RunRequest
	if !r.detach && !r.dryRun && r.replicas != 1 {
		return req, errors.New("several replicas need -d; follow them with caravela logs -f")
	}
	if err := r.check(); err != nil {
		return req, err
	}
	if err := r.parse(); err != nil {
		return req, err
	}
	spec := api.Spec{
		Image: image, Command: command, Name: r.name, Platform: r.platform, User: r.user, WorkDir: r.workdir,
		Hostname: r.hostname, Ports: r.ports, Resources: r.resources(), Pull: r.pull, TTY: r.tty, Stdin: r.interactive,
		StopSignal: r.stopSignal, ReadOnly: r.readOnly, CapDrop: r.capDrop, Remove: r.remove,
	}
	for _, fill := range []func(*app, *cobra.Command, *api.Spec) error{r.fillEnv, r.fillMounts, r.fillNumbers, r.fillHealth} {
		if err := fill(a, cmd, &spec); err != nil {
			return req, err
		}
	}
	if _, err := spec.Market(); err != nil {
		return req, err
	}
	policy, err := r.policy()
	return api.RunRequest{Spec: spec, Policy: policy, Attach: !r.detach && !r.dryRun}, err
}

// check refuses flags that contradict each other.
func (r *runFlags) check() error {
	for _, c := range []struct {
		both bool
		text string
	}{
		{r.spread && r.colocate, "--spread and --colocate exclude each other"},
		{r.noHealth && r.healthCmd != "", "--no-healthcheck and --health-cmd exclude each other"},
	} {
		if c.both {
			return errors.New(c.text)
		}
	}
	return nil
}

func (r *runFlags) policy() (api.Policy, error) {
	p := api.Policy{
		Strategy: r.strategyName, Constraints: r.constraints, Node: api.NodeRef(r.node), CPUClass: r.cpuClass,
		LeaseTermMS: r.leaseMS, Renew: api.Renew(r.renew), DryRun: r.dryRun, Replicas: r.replicas,
		MaxPrice: r.max, Hold: r.hold,
	}
	if r.replicas < 1 || r.replicas > market.MaxReplicas {
		return p, fmt.Errorf("--replicas: %d is not a number from 1 to %d", r.replicas, market.MaxReplicas)
	}
	switch {
	case r.spread:
		p.Placement = api.PlaceApart
	case r.colocate:
		p.Placement = api.PlaceTogether
	}
	if !slices.Contains([]api.Renew{"", api.RenewAuto, api.RenewNever}, p.Renew) {
		return p, fmt.Errorf("--renew: %q is neither auto nor never", r.renew)
	}
	if err := parseMaxCost(r.maxCost, &p); err != nil {
		return p, err
	}
	var err error
	p.WaitForOfferMS, err = millis("--wait-for-offer", r.waitForOffer)
	return p, err
}

func (r *runFlags) fillEnv(a *app, cmd *cobra.Command, spec *api.Spec) error {
	env, err := readEnv(r.envFile, r.env, a.environ())
	if err != nil {
		return err
	}
	spec.Env = env
	if spec.Labels, err = readLabels(r.labelFile, r.label); err != nil {
		return err
	}
	if cmd.Flags().Changed("entrypoint") {
		spec.Entrypoint = []string{r.entrypoint} // "" takes the image's away, as in docker
	}
	return nil
}

func (r *runFlags) fillMounts(_ *app, _ *cobra.Command, spec *api.Spec) error {
	for _, v := range r.volume {
		m, err := parseVolume(v)
		if err != nil {
			return err
		}
		spec.Mounts = append(spec.Mounts, m)
	}
	for _, v := range r.mount {
		m, err := parseMount(v)
		if err != nil {
			return err
		}
		spec.Mounts = append(spec.Mounts, m)
	}
	return nil
}

func (r *runFlags) fillNumbers(_ *app, cmd *cobra.Command, spec *api.Spec) error {
	name, attempts, limited := strings.Cut(r.restartPolicy, ":")
	spec.Restart = name
	if limited {
		n, err := strconv.Atoi(attempts)
		if err != nil || n < 0 || name != "on-failure" {
			return fmt.Errorf("--restart: %q is not no, on-failure[:N], always or unless-stopped", r.restartPolicy)
		}
		spec.RestartMax = n
	}
	var err error
	if spec.Pids, err = r.processes(); err != nil {
		return err
	}
	grace, err := seconds(cmd.Flags(), "stop-timeout", r.stopTimeout)
	if grace != nil {
		spec.StopGraceMS = *grace
	}
	return err
}

func (r *runFlags) fillHealth(_ *app, _ *cobra.Command, spec *api.Spec) error {
	h := api.HealthCheck{Command: r.healthCmd, Disable: r.noHealth, Retries: r.healthRetries}
	for _, d := range []struct {
		flag, text string
		into       *int64
	}{
		{"--health-interval", r.healthInterval, &h.IntervalMS},
		{"--health-timeout", r.healthTimeout, &h.TimeoutMS},
		{"--health-start-period", r.healthStart, &h.StartMS},
	} {
		ms, err := millis(d.flag, d.text)
		if err != nil {
			return err
		}
		*d.into = ms
	}
	spec.Health = h
	return nil
}
