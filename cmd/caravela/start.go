package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"caravela/configuration"
)

// startFlags are the settings that create, join and serve take as flags.
type startFlags struct {
	detach, noOffer bool
	offer           string
	labels, set     []string
	texts           map[string]*string // setting key -> flag's value
}

func (s *startFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	s.texts = map[string]*string{}
	text := func(key, flag, help string) { s.texts[key] = f.String(flag, "", help) }
	list := func(key, flag, help string) {
		s.texts[key] = new(string)
		f.Var((*listFlag)(s.texts[key]), flag, help)
	}
	text("node.name", "name", "name of this node (default the host's)")
	list("network.listen", "listen", "IP:PORT for other nodes, TCP and UDP, or a port; commas between several (default 7401)")
	list("api.address", "api", "address of the API, unix:///path or tcp://host:port; commas between several (default a socket that the commands find)")
	text("node.data-dir", "data-dir", "where identity, leases and settings are kept")
	text("node.profile", "profile", "bundle of defaults: server, home or lowpower (default server)")
	list("network.announce", "announce", "further addresses at which this node is reachable; commas between several")
	text("engine.host", "engine", "address of the container engine (default $DOCKER_HOST, or Docker's socket)")
	f.StringVar(&s.offer, "offer", "", "what is sold, such as cpus=4,memory=8g,disk=50g (default a share of the machine)")
	f.BoolVar(&s.noOffer, "no-offer", false, "sell nothing; needs no container engine")
	f.StringArrayVar(&s.labels, "label", nil, "KEY=VALUE for constraints of buyers (repeatable)")
	f.StringArrayVar(&s.set, "set", nil, "any other setting, such as offer.port-range=30000-31000 (repeatable)")
	f.BoolVarP(&s.detach, "detach", "d", false, "return once the node is ready; it runs in the background")
	_ = cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(profiles(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagDirname("data-dir")
}

// listFlag is a flag that may be given several times, or once with commas.
type listFlag string

// String implements pflag.Value.
func (l *listFlag) String() string { return string(*l) }

// Set implements pflag.Value.
func (l *listFlag) Set(s string) error {
	if *l != "" {
		s = string(*l) + "," + s
	}
	*l = listFlag(s)
	return nil
}

// Type implements pflag.Value.
func (l *listFlag) Type() string { return "string" }

// settings returns what the flags say, by key of the configuration.
func (s *startFlags) settings(cmd *cobra.Command, a *app) (map[string]string, error) {
	out := map[string]string{}
	for key, value := range s.texts {
		if *value != "" {
			out[key] = *value
		}
	}
	if a.flags.logLevel != "" {
		out["log.level"] = a.flags.logLevel
	}
	if open := cmd.Flags().Lookup("open"); open != nil && open.Changed {
		out["network.open"] = open.Value.String()
	}
	if len(s.labels) > 0 {
		out["node.labels"] = strings.Join(s.labels, ",")
	}
	if err := s.offerSettings(out); err != nil {
		return nil, err
	}
	for _, entry := range s.set {
		key, value, ok := strings.Cut(entry, "=")
		if !ok {
			return nil, advise(fmt.Errorf("--set %q is not KEY=VALUE", entry), "caravela config check, which lists the keys")
		}
		out[key] = value
	}
	return out, checkKeys(out)
}

func (s *startFlags) offerSettings(out map[string]string) error {
	if s.noOffer && s.offer != "" {
		return fmt.Errorf("--offer and --no-offer exclude each other")
	}
	if s.noOffer {
		out["offer.enabled"] = "false"
	}
	if s.offer == "" {
		return nil
	}
	out["offer.enabled"] = "true"
	for _, part := range strings.Split(s.offer, ",") {
		name, value, ok := strings.Cut(part, "=")
		switch name {
		case "cpus", "memory", "disk":
		default:
			ok = false
		}
		if !ok || value == "" {
			return advise(fmt.Errorf("--offer: %q is not cpus=, memory= or disk= with an amount", part), "--offer cpus=4,memory=8g")
		}
		out["offer."+name] = value
	}
	return nil
}

// checkKeys finds keys of --set that name no setting.
func checkKeys(set map[string]string) error {
	var none configuration.Effective
	for key := range set {
		if _, err := none.Get(key); err != nil {
			return fmt.Errorf("--set: %w", err)
		}
	}
	return nil
}

// start runs a node here, or in the background.
func (a *app) start(cmd *cobra.Command, s *startFlags, mode startMode) error {
	set, err := s.settings(cmd, a)
	if err != nil {
		return err
	}
	cfg, err := a.load(set)
	for _, w := range cfg.Warnings {
		a.sayf("warning: %s", w)
	}
	if err != nil {
		return advise(err, "caravela config check")
	}
	if s.detach {
		return a.startDetached(cmd.Context(), cfg)
	}
	mode.settings = settingsFile{a.sources(lasting(set))}
	pipe, err := readyPipe(a.getenv)
	if err != nil {
		return err
	}
	mode.ready = func(r readyNode) {
		a.keepSettings(cfg, set)
		if pipe != nil {
			pipe.ready(r)
			return
		}
		a.welcome(cfg.Config, r)
	}
	err = a.daemon(cmd.Context(), cfg.Config, mode)
	if pipe != nil {
		pipe.failed(err)
	}
	return stopped(cmd.Context(), err)
}

// stopped makes an ordinary end of a node that the user has interrupted.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err == nil || strings.Contains(err.Error(), context.Canceled.Error())) {
		return nil
	}
	return err
}

// keepSettings writes the flags' settings into the node's own file, so that
// `caravela serve` runs the same node after a reboot. The file's place is the
// data directory's, and is not repeated in it.
func (a *app) keepSettings(cfg configuration.Effective, set map[string]string) {
	keep := maps.Clone(set)
	maps.DeleteFunc(keep, func(key, _ string) bool { return ofOneRun(key) })
	if len(keep) == 0 {
		return
	}
	if err := configuration.SetAll(cfg.Path, keep, configuration.Here()); err != nil {
		a.sayf("warning: the settings given as flags are not kept: %v", err)
	}
}

// ofOneRun reports whether a flag's setting ends with the run that it is given to.
func ofOneRun(key string) bool { return key == "node.data-dir" || key == "log.level" }

// lasting are the flags that stay above the node's file: keepSettings writes
// the others into it, where they may be changed.
func lasting(set map[string]string) map[string]string {
	out := maps.Clone(set)
	maps.DeleteFunc(out, func(key, _ string) bool { return !ofOneRun(key) })
	return out
}

// welcome tells the user what runs, and what to type next.
func (a *app) welcome(cfg configuration.Config, r readyNode) {
	if a.machine() {
		_ = a.line(r, nil) // a pipe that is gone does not stop the node
		return
	}
	here, join := a.hostFlag(r), r.Join
	if !cfg.Network.Open {
		join = slices.DeleteFunc(slices.Clone(join), publicText) // strangers there need a token
	}
	a.sayf("node %s is ready\n  id       %s\n  network  %s (%s)\n  api      %s", r.Name, r.ID, r.Network, shortID(r.NetworkID), strings.Join(r.API, ", "))
	switch {
	case r.Private:
		a.sayf("next, for another machine (this network is private, so that an address alone does not do):\n  caravela %stoken create\n  caravela join TOKEN   # there", here)
	case len(join) > 0:
		a.sayf("next, on another machine:\n  caravela join %s", join[0])
	case len(r.Join) > 0:
		a.sayf("next, for another machine (at a public address this node deals with holders of a token only):\n  caravela %stoken create\n  caravela join TOKEN   # there", here)
	}
	a.sayf("and here:\n  caravela %sstatus\n  caravela %srun IMAGE", here, here)
	if !cfg.Network.Open && !r.Private && len(join) > 0 {
		a.sayf("machines outside of the local network need a token: caravela %stoken create", here)
	}
}

// publicText reports whether what users type after `join` is a public address.
func publicText(s string) bool {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() &&
		!netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10).Contains(ip)
}

// hostFlag is what commands need to reach the node: nothing, for the one that
// they find by themselves.
func (a *app) hostFlag(r readyNode) string {
	if len(r.API) == 0 || r.API[0] == a.defaultAPI() {
		return ""
	}
	return "-H " + r.API[0] + " "
}

// defaultAPI is the address that commands use without -H.
func (a *app) defaultAPI() string {
	address, err := a.address()
	if err != nil {
		return ""
	}
	return address
}

// readyMessage is what a node in the background tells the process that has
// started it, as one line of JSON.
type readyMessage struct {
	Ready *readyNode `json:"ready,omitempty"`
	Error string     `json:"error,omitempty"`
	Next  string     `json:"next,omitempty"`
}

func (m readyMessage) line() []byte {
	b, err := json.Marshal(m)
	if err != nil {
		return []byte("{}\n") // only texts and lists of texts: it cannot fail
	}
	return append(b, '\n')
}
