package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// refusal is a flag of `docker run` that caravela does not have. It is known
// by name, so that nobody believes that it was obeyed.
type refusal struct {
	name, short string
	bare        bool   // stands without a value
	instead     string // what to do; begins a sentence
}

// What several refusals say.
const (
	useCPUs      = "Use --cpus; the supplier enforces it as a quota"
	useMemory    = "Use -m; it bounds memory and swap together"
	noHost       = "A container on another's machine never shares its host; leave the flag out"
	noDevices    = "Suppliers lend no devices; look for a machine by --constraint on its labels"
	noThrottle   = "Block I/O is the supplier's matter; leave the flag out"
	noNetworks   = "Containers have a network of their own; reach them by -p on the supplier's address"
	noWindows    = "It is for Windows containers; leave the flag out"
	supplierLogs = "The supplier keeps bounded logs; read them with caravela logs"
)

// refusals lists every flag of docker run (28.x) that newRun does not define.
func refusals() []refusal {
	return []refusal{
		{name: "add-host", instead: "Pass addresses with -e, or resolve them by DNS"},
		{name: "annotation", instead: "Use -l KEY=VALUE for labels of your own"},
		{name: "attach", short: "a", instead: "Without -d output is attached; add -i for input, and redirect in the shell what you do not want"},
		{name: "blkio-weight", instead: noThrottle},
		{name: "blkio-weight-device", instead: noThrottle},
		{name: "cap-add", instead: "Suppliers grant a fixed small set of capabilities; --cap-drop makes it smaller"},
		{name: "cgroup-parent", instead: noHost},
		{name: "cgroupns", instead: "The cgroup namespace is always private; leave the flag out"},
		{name: "cpu-count", instead: noWindows},
		{name: "cpu-percent", instead: noWindows},
		{name: "cpu-period", instead: useCPUs},
		{name: "cpu-quota", instead: useCPUs},
		{name: "cpu-rt-period", instead: useCPUs},
		{name: "cpu-rt-runtime", instead: useCPUs},
		{name: "cpu-shares", short: "c", instead: useCPUs},
		{name: "cpuset-cpus", instead: useCPUs},
		{name: "cpuset-mems", instead: useMemory},
		{name: "device", instead: noDevices},
		{name: "device-cgroup-rule", instead: noDevices},
		{name: "device-read-bps", instead: noThrottle},
		{name: "device-read-iops", instead: noThrottle},
		{name: "device-write-bps", instead: noThrottle},
		{name: "device-write-iops", instead: noThrottle},
		{name: "disable-content-trust", bare: true, instead: "Name the image by digest, IMAGE@sha256:..., to be sure of it"},
		{name: "dns", instead: "The supplier's resolvers are used; leave the flag out"},
		{name: "dns-opt", instead: "The supplier's resolvers are used; leave the flag out"},
		{name: "dns-option", instead: "The supplier's resolvers are used; leave the flag out"},
		{name: "dns-search", instead: "Use full names; the supplier's resolvers are used"},
		{name: "domainname", instead: "Use --hostname"},
		{name: "expose", instead: "Use -p; what is not published cannot be reached"},
		{name: "gpus", instead: "Suppliers do not sell GPUs yet"},
		{name: "group-add", instead: "Use -u USER:GROUP"},
		{name: "health-start-interval", instead: "Use --health-interval"},
		{name: "init", bare: true, instead: "Put an init such as tini into the image"},
		{name: "io-maxbandwidth", instead: noWindows},
		{name: "io-maxiops", instead: noWindows},
		{name: "ip", instead: noNetworks},
		{name: "ip6", instead: noNetworks},
		{name: "ipc", instead: noHost},
		{name: "isolation", instead: noWindows},
		{name: "kernel-memory", instead: useMemory},
		{name: "link", instead: noNetworks},
		{name: "link-local-ip", instead: noNetworks},
		{name: "log-driver", instead: supplierLogs},
		{name: "log-opt", instead: supplierLogs},
		{name: "mac-address", instead: noNetworks},
		{name: "memory-reservation", instead: useMemory},
		{name: "memory-swap", instead: useMemory},
		{name: "memory-swappiness", instead: useMemory},
		{name: "net", instead: noNetworks},
		{name: "net-alias", instead: noNetworks},
		{name: "network", instead: noNetworks},
		{name: "network-alias", instead: noNetworks},
		{name: "oom-kill-disable", bare: true, instead: "Ask for more with -m"},
		{name: "oom-score-adj", instead: noHost},
		{name: "pid", instead: noHost},
		{name: "privileged", bare: true, instead: "Tenants get no power over the supplier's machine; leave the flag out"},
		{name: "publish-all", short: "P", bare: true, instead: "Name the ports: -p 80, or -p 8080:80"},
		{name: "runtime", instead: "The supplier chooses the runtime (its setting offer.runtime); leave the flag out"},
		{name: "security-opt", instead: "no-new-privileges and the engine's default profiles always hold; leave the flag out"},
		{name: "shm-size", instead: "/dev/shm has the engine's 64m; use a volume, -v NAME:/path, for more"},
		{name: "storage-opt", instead: "Use --disk"},
		{name: "sysctl", instead: noHost},
		{name: "tmpfs", instead: "Use a volume of the lease, -v /path"},
		{name: "ulimit", instead: "Use --pids-limit for processes; the others are the supplier's"},
		{name: "use-api-socket", bare: true, instead: noHost},
		{name: "userns", instead: noHost},
		{name: "uts", instead: noHost},
		{name: "volume-driver", instead: "Volumes are local to the supplier; use -v NAME:/path"},
		{name: "volumes-from", instead: "Name the volume in both containers, -v NAME:/path, and keep them on one node with --on"},
	}
}

// refuser is the value of a refused flag: setting it remembers the refusal.
type refuser struct {
	refusal
	seen *[]string
}

func (r *refuser) String() string { return "" }
func (r *refuser) Type() string   { return "refused" }

func (r *refuser) Set(string) error {
	*r.seen = append(*r.seen, fmt.Sprintf("--%s is not supported. %s", r.name, r.instead))
	return nil
}

// refuseFlags defines the refused flags, hidden from the help, and returns
// what tells of those that were used.
func refuseFlags(f *pflag.FlagSet) (check func() error) {
	var seen []string
	for _, r := range refusals() {
		flag := f.VarPF(&refuser{r, &seen}, r.name, r.short, r.instead)
		flag.Hidden = true
		if r.bare {
			flag.NoOptDefVal = "true"
		}
	}
	return func() error {
		if len(seen) == 0 {
			return nil
		}
		return advise(errors.New(strings.Join(seen, "\n          ")), "caravela run --help")
	}
}
