package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"caravela/api"
	"caravela/configuration"
	"caravela/market"
)

// What is leased where the user does not say how much.
const (
	defaultCPUs   = "1"
	defaultMemory = "256m"
)

// want holds the flags that say which supplier is good enough; run, market
// search and market explain share them.
type want struct {
	cpus, memory, disk       string
	platform, cpuClass       string
	constraints, publish     []string
	node, strategy, lease    string
	maxPrice                 string
	milliCPU, memoryN, diskN int64
	leaseMS                  int64
	ports                    []api.Port
	strategyName             api.Strategy
	max                      api.MaxPrice
}

func (w *want) register(cmd *cobra.Command, a *app) {
	f := cmd.Flags()
	f.StringVar(&w.cpus, "cpus", defaultCPUs, "CPU cores, such as 0.5 or 2")
	f.StringVarP(&w.memory, "memory", "m", defaultMemory, "memory, swap included, such as 512m or 2g")
	f.StringVar(&w.disk, "disk", "0", "disk for the writable layer and volumes; 0 = what the supplier gives")
	f.StringVar(&w.platform, "platform", "", "operating system and architecture, such as linux/arm64")
	f.StringVar(&w.cpuClass, "cpu-class", "", "lowest x86-64 level that will do: v1, v2, v3 or v4")
	f.StringArrayVar(&w.constraints, "constraint", nil, "condition on the supplier, such as node.labels.region==eu (repeatable)")
	f.StringArrayVarP(&w.publish, "publish", "p", nil, "publish a port on the supplier, [HOST:]CONTAINER[/udp] (repeatable)")
	f.StringVar(&w.node, "on", "", "only this supplier: peer ID, or a name that is unique")
	f.StringVar(&w.strategy, "strategy", "", "which fitting offer to take: spread (emptiest), binpack (fullest) or cheapest")
	f.StringVar(&w.maxPrice, "max-price", "", "most that the first hour may cost, start fee included: 0.05/h, \"0.05 EUR/h\" or free")
	f.StringVar(&w.lease, "lease", "", "term of the lease, such as 24h or 7d (default the node's buy.lease)")
	_ = cmd.RegisterFlagCompletionFunc("on", a.completeNodes(0))
	_ = cmd.RegisterFlagCompletionFunc("cpu-class", cobra.FixedCompletions([]string{"v1", "v2", "v3", "v4"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("strategy", cobra.FixedCompletions([]string{"spread", "binpack", "cheapest"}, cobra.ShellCompDirectiveNoFileComp))
}

// parse reads the texts; it must be called before the methods below.
func (w *want) parse() error {
	c, err := market.ParseCPU(w.cpus)
	if err != nil {
		return plainFlag("--cpus", err)
	}
	m, err := market.ParseBytes(w.memory)
	if err != nil {
		return plainFlag("--memory", err)
	}
	d, err := market.ParseBytes(w.disk)
	if err != nil {
		return plainFlag("--disk", err)
	}
	w.milliCPU, w.memoryN, w.diskN = int64(c), int64(m), int64(d)
	if c < market.MinCPU {
		return fmt.Errorf("--cpus: %q is less than the smallest share, 0.01", w.cpus)
	}
	if m < market.MinMemory {
		return fmt.Errorf("--memory: %q is less than the smallest container, %v", w.memory, market.MinMemory)
	}
	return w.parsePlace()
}

func (w *want) parsePlace() error {
	if w.platform != "" {
		if _, err := market.ParsePlatform(w.platform); err != nil {
			return plainFlag("--platform", err)
		}
	}
	if w.cpuClass != "" {
		if _, err := market.ParseCPUClass(w.cpuClass); err != nil {
			return plainFlag("--cpu-class", err)
		}
	}
	for _, c := range w.constraints {
		if !strings.Contains(c, "==") && !strings.Contains(c, "!=") {
			return fmt.Errorf("--constraint: %q is not KEY==VALUE or KEY!=VALUE, such as node.labels.region==eu", c)
		}
	}
	switch w.strategyName = api.Strategy(w.strategy); w.strategyName {
	case "", api.StrategyBinpack, api.StrategySpread, api.StrategyCheapest:
	default:
		return fmt.Errorf("--strategy: %q is not spread, binpack or cheapest", w.strategy)
	}
	var err error
	if w.max, err = parseMaxPrice(w.maxPrice); err != nil {
		return err
	}
	if w.leaseMS, err = millis("--lease", w.lease); err != nil {
		return err
	}
	w.ports, err = parsePorts(w.publish)
	return err
}

func (w *want) resources() api.Resources {
	return api.Resources{MilliCPU: w.milliCPU, MemoryBytes: w.memoryN, DiskBytes: w.diskN}
}

func (w *want) search(limit int) api.SearchRequest {
	return api.SearchRequest{
		Resources: w.resources(), Platform: w.platform, CPUClass: w.cpuClass, Constraints: w.constraints,
		Ports: w.ports, Node: api.NodeRef(w.node), Strategy: w.strategyName, LeaseTermMS: w.leaseMS, Limit: limit,
		MaxPrice: w.max,
	}
}

// plainFlag puts the flag's name before an error of the market's parsers.
func plainFlag(flag string, err error) error {
	return fmt.Errorf("%s: %s", flag, strings.TrimPrefix(err.Error(), market.ErrBadQuantity.Error()+": "))
}

// millis reads a duration; "" is 0.
func millis(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	d, err := configuration.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", flag, err)
	}
	return d.Milliseconds(), nil
}

// parsePorts reads docker's -p: CONTAINER, HOST:CONTAINER, ranges on both
// sides, and /udp. An address before them is the supplier's to choose.
func parsePorts(entries []string) ([]api.Port, error) {
	var out []api.Port
	for _, e := range entries {
		spec, proto, _ := strings.Cut(e, "/")
		if proto != "" && proto != "tcp" && proto != "udp" {
			return nil, fmt.Errorf("--publish: %q: protocol %q is neither tcp nor udp", e, proto)
		}
		host, container, ok := strings.Cut(spec, ":")
		if !ok {
			host, container = "", spec
		}
		if strings.Contains(container, ":") {
			return nil, advise(fmt.Errorf("--publish: %q names an address, which only the supplier can choose", e), "-p HOST:CONTAINER")
		}
		ports, err := portPairs(host, container, proto)
		if err != nil {
			return nil, fmt.Errorf("--publish: %q: %w", e, err)
		}
		out = append(out, ports...)
	}
	return out, nil
}

func portPairs(host, container, proto string) ([]api.Port, error) {
	c, err := configuration.ParsePortRange(container)
	if err != nil {
		return nil, fmt.Errorf("%q is not a port or a range of ports", container)
	}
	n := int(c.Last) - int(c.First)
	if n >= market.MaxPorts {
		return nil, fmt.Errorf("%d ports; at most %d", n+1, market.MaxPorts)
	}
	h := configuration.PortRange{}
	if host != "" {
		if h, err = configuration.ParsePortRange(host); err != nil {
			return nil, fmt.Errorf("%q is not a port or a range of ports", host)
		}
		if int(h.Last)-int(h.First) != n {
			return nil, fmt.Errorf("the two ranges differ in length")
		}
	}
	out := make([]api.Port, 0, n+1)
	for i := 0; i <= n; i++ {
		p := api.Port{ContainerPort: c.First + uint16(i), Protocol: proto}
		if host != "" {
			p.HostPort = h.First + uint16(i)
		}
		out = append(out, p)
	}
	return out, nil
}

// seconds reads docker's whole seconds, or a duration; nil where the flag was
// not given.
func seconds(f *pflag.FlagSet, name, text string) (*int64, error) {
	if !f.Changed(name) {
		return nil, nil
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		ms := int64(n) * 1000
		return &ms, nil
	}
	ms, err := millis("--"+name, text)
	return &ms, err
}
