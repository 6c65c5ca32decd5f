package configuration

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"caravela/market"
)

// shape says which TOML values a setting takes, and how it is written.
type shape uint8

const (
	text    shape = iota // "..."
	number               // 4 or 0.5, also as text
	boolean              // true, false
	list                 // ["...", "..."], also one text
	table                // { key = "..." }
)

// setting is one leaf of Config: its name, its meaning, and how it is read
// and written. Values travel as texts: one for a scalar, any number for a
// list, KEY=VALUE entries for a table.
type setting struct {
	key   string
	doc   string
	alias string // a second environment variable; "" = none
	shape shape
	set   func(*Config, []string) error
	get   func(*Config) []string
}

// settings lists every setting in the order in which `config check` prints
// them. It is a function, so that nobody can change the list.
func settings() []setting {
	return slices.Concat(nodeSettings(), networkSettings(), offerSettings(), moneySettings(), otherSettings())
}

func nodeSettings() []setting {
	return []setting{
		scalar("node.data-dir", "where identity, leases and known peers are kept", text,
			func(c *Config) *string { return &c.Node.DataDir }, asIs, word[string]).or("CARAVELA_DATA_DIR"),
		scalar("node.name", "shown to other peers", text,
			func(c *Config) *string { return &c.Node.Name }, asIs, word[string]),
		scalar("node.profile", "bundle of defaults: server, home or lowpower", text,
			func(c *Config) *Profile { return &c.Node.Profile }, oneOf(Server, Home, LowPower), word),
		{key: "node.labels", doc: "what constraints such as node.labels.region==eu look at", shape: table,
			set: func(c *Config, v []string) (err error) { c.Node.Labels, err = ParseLabels(v); return err },
			get: func(c *Config) []string {
				return each(c.Node.Labels, func(l market.Label) string { return l.Key + "=" + l.Value })
			}},
	}
}

func networkSettings() []setting {
	return []setting{
		{key: "network.listen", doc: "addresses for other peers, TCP and QUIC each", shape: list, alias: "CARAVELA_LISTEN",
			set: setListen,
			get: func(c *Config) []string { return each(c.Network.Listen, netip.AddrPort.String) }},
		flag("network.open", "deal with peers on public addresses without a token", func(c *Config) *bool { return &c.Network.Open }),
		words("network.announce", "further addresses at which this node is reachable", func(c *Config) *[]string { return &c.Network.Announce }),
		flag("network.trader", "hold other peers' offers where reachable", func(c *Config) *bool { return &c.Network.Trader }),
		flag("network.client", "use the DHT without serving it", func(c *Config) *bool { return &c.Network.Client }),
		words("api.address", "where the command line finds this node: unix:///path, tcp://host:port", func(c *Config) *[]string { return &c.API.Addresses }).or("CARAVELA_API"),
		words("api.allowed-hosts", "further Host headers that are accepted over TCP", func(c *Config) *[]string { return &c.API.AllowedHosts }),
		words("api.allowed-origins", "Origin headers of browsers that are accepted", func(c *Config) *[]string { return &c.API.AllowedOrigins }),
	}
}

func offerSettings() []setting {
	return []setting{
		flag("offer.enabled", "sell at all", func(c *Config) *bool { return &c.Offer.Enabled }),
		scalar("offer.share", "percent of the machine that auto stands for", number,
			func(c *Config) *int { return &c.Offer.Share }, parseInt, strconv.Itoa),
		scalar("offer.cpus", "cores that are sold, or auto", number,
			func(c *Config) *market.MilliCPU { return &c.Offer.CPUs }, parseAuto(market.ParseCPU), formatAuto[market.MilliCPU]),
		scalar("offer.memory", "memory that is sold, or auto", text,
			func(c *Config) *market.Bytes { return &c.Offer.Memory }, parseAuto(market.ParseBytes), formatAuto[market.Bytes]),
		scalar("offer.disk", "disk that is sold; 0 = not sold by amount", text,
			func(c *Config) *market.Bytes { return &c.Offer.Disk }, market.ParseBytes, market.Bytes.String),
		scalar("offer.pids", "processes of all containers together; 0 = no bound", number,
			func(c *Config) *int64 { return &c.Offer.Pids }, parseInt64, formatInt64),
		scalar("offer.overcommit-cpu", "sold CPU over offered CPU", number,
			func(c *Config) *Factor { return &c.Offer.OvercommitCPU }, ParseFactor, Factor.String),
		scalar("offer.overcommit-memory", "sold memory over offered memory", number,
			func(c *Config) *Factor { return &c.Offer.OvercommitMemory }, ParseFactor, Factor.String),
		scalar("offer.port-range", "host ports that tenants may publish", text,
			func(c *Config) *PortRange { return &c.Offer.Ports }, ParsePortRange, PortRange.String),
		scalar("offer.publish-address", "address on which tenants' ports are published", text,
			func(c *Config) *netip.Addr { return &c.Offer.PublishAddress }, netip.ParseAddr, netip.Addr.String),
		scalar("offer.longest-lease", "longest term that is sold", text,
			func(c *Config) *time.Duration { return &c.Offer.LongestLease }, ParseDuration, FormatDuration),
		words("offer.images-allow", "patterns of images that may run; empty = all", func(c *Config) *[]string { return &c.Offer.Images }),
		flag("offer.allow-lan", "tenants may reach this machine's private networks", func(c *Config) *bool { return &c.Offer.AllowLAN }),
		flag("offer.lan-registries", "images may come from registries on this machine's private networks", func(c *Config) *bool { return &c.Offer.LANRegistries }),
		flag("offer.programs-32bit", "32-bit programs may run in images for a 64-bit machine", func(c *Config) *bool { return &c.Offer.Programs32 }),
		scalar("offer.disk-floor", "free disk space below which nothing is pulled or started; 0 = none", text,
			func(c *Config) *market.Bytes { return &c.Offer.DiskFloor }, market.ParseBytes, market.Bytes.String),
		scalar("offer.images-keep", "how long pulled images stay that no container uses; 0s = for ever", text,
			func(c *Config) *time.Duration { return &c.Offer.ImagesKeep }, ParseDuration, FormatDuration),
		scalar("offer.runtime", "OCI runtime for tenants, such as runsc; empty = the engine's own", text,
			func(c *Config) *string { return &c.Offer.Runtime }, asIs, word[string]),
	}
}

func moneySettings() []setting {
	rate := func(key, doc string, at func(*Config) *market.Micro) setting {
		return scalar(key, doc, number, at, market.ParseMicro, market.Micro.String)
	}
	span := func(key, doc string, at func(*Config) *time.Duration) setting {
		return scalar(key, doc, text, at, ParseDuration, FormatDuration)
	}
	return []setting{
		scalar("price.unit", "what prices are counted in, such as credit or EUR", text,
			func(c *Config) *string { return &c.Price.Unit }, asIs, word[string]),
		rate("price.core", "per core and hour while a container runs", func(c *Config) *market.Micro { return &c.Price.Core }),
		rate("price.memory", "per GiB of memory and hour while it runs", func(c *Config) *market.Micro { return &c.Price.Memory }),
		rate("price.disk", "per GiB of disk and hour while it runs", func(c *Config) *market.Micro { return &c.Price.Disk }),
		rate("price.parked", "per hour while its owner keeps it stopped", func(c *Config) *market.Micro { return &c.Price.Parked }),
		rate("price.start", "once, for the first start", func(c *Config) *market.Micro { return &c.Price.Start }),
		words("price.command", "program and arguments that say the price: JSON in, JSON out", func(c *Config) *[]string { return &c.Price.Command }),
		span("lease.interval", "between two usage notes of a lease that is paid for", func(c *Config) *time.Duration { return &c.Lease.Interval }),
		scalar("lease.bear", "unacknowledged notes in a row before the buyer is warned", number,
			func(c *Config) *int { return &c.Lease.Bear }, parseInt, strconv.Itoa),
		span("lease.grace", "between that warning and the end of the lease", func(c *Config) *time.Duration { return &c.Lease.Grace }),
		span("lease.notice", "between a reclaim's announcement and its execution", func(c *Config) *time.Duration { return &c.Lease.Notice }),
		span("credit.unknown", "of the price of what it leases, that a peer without a limit may owe", func(c *Config) *time.Duration { return &c.Credit.Unknown }),
		span("ledger.keep", "how long usage notes stay that a receipt of both repeats; 0s = for ever", func(c *Config) *time.Duration { return &c.Ledger.Keep }),
	}
}

func otherSettings() []setting {
	return []setting{
		scalar("buy.lease", "term of a lease", text,
			func(c *Config) *time.Duration { return &c.Buy.Lease }, ParseDuration, FormatDuration),
		scalar("buy.renew", "ask for the next lease in time: auto or never", text,
			func(c *Config) *Renew { return &c.Buy.Renew }, oneOf(RenewAuto, RenewNever), word),
		scalar("buy.strategy", "which fitting offer to take: spread, binpack or cheapest", text,
			func(c *Config) *Strategy { return &c.Buy.Strategy }, oneOf(Spread, BinPack, Cheapest), word),
		scalar("engine.host", "address of the container engine", text,
			func(c *Config) *string { return &c.Engine.Host }, asIs, word[string]).or("DOCKER_HOST"),
		scalar("engine.pids-limit", "most processes of a container", number,
			func(c *Config) *int64 { return &c.Engine.PidsLimit }, parseInt64, formatInt64),
		scalar("engine.log-max-size", "size of one log file of a container", text,
			func(c *Config) *market.Bytes { return &c.Engine.LogMaxSize }, market.ParseBytes, market.Bytes.String),
		scalar("engine.log-max-files", "log files that are kept", number,
			func(c *Config) *int { return &c.Engine.LogMaxFiles }, parseInt, strconv.Itoa),
		scalar("limits.connections-low", "idle connections are closed down to this number", number,
			func(c *Config) *int { return &c.Limits.ConnectionsLow }, parseInt, strconv.Itoa),
		scalar("limits.connections-high", "connections at which closing begins", number,
			func(c *Config) *int { return &c.Limits.ConnectionsHigh }, parseInt, strconv.Itoa),
		scalar("limits.peer-rate", "messages and streams a second from one peer", number,
			func(c *Config) *int { return &c.Limits.PeerRate }, parseInt, strconv.Itoa),
		scalar("limits.launches", "containers being started at once", number,
			func(c *Config) *int { return &c.Limits.Launches }, parseInt, strconv.Itoa),
		scalar("log.level", "debug, info, warn or error", text,
			func(c *Config) *LogLevel { return &c.Log.Level }, oneOf(LevelDebug, LevelInfo, LevelWarn, LevelError), word),
		scalar("log.format", "text or json", text,
			func(c *Config) *LogFormat { return &c.Log.Format }, oneOf(FormatText, FormatJSON), word),
		flag("metrics.enabled", "serve /metrics", func(c *Config) *bool { return &c.Metrics.Enabled }),
		scalar("webhook.url", "where events are sent to, http:// or https://; empty = nowhere", text,
			func(c *Config) *string { return &c.Webhook.URL }, asIs, word[string]),
		scalar("webhook.secret-file", "holds the key of the webhook's signature; empty = webhook-secret in the data directory", text,
			func(c *Config) *string { return &c.Webhook.SecretFile }, asIs, word[string]),
		words("webhook.events", "types of events that are sent; empty = all", func(c *Config) *[]string { return &c.Webhook.Events }),
	}
}

// env names the setting's environment variable.
func (s setting) env() string {
	return "CARAVELA_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(s.key))
}

func (s setting) or(alias string) setting { s.alias = alias; return s }

// setText reads what a user typed in one piece: a list's items are separated
// by commas.
func (s setting) setText(c *Config, typed string) error {
	items := []string{typed}
	if s.shape == list || s.shape == table {
		items = slices.DeleteFunc(strings.Split(typed, ","), func(v string) bool { return v == "" })
	}
	return s.set(c, items)
}

func scalar[T any](key, doc string, sh shape, at func(*Config) *T, parse func(string) (T, error), format func(T) string) setting {
	return setting{key: key, doc: doc, shape: sh,
		set: func(c *Config, v []string) error {
			if len(v) != 1 {
				return fmt.Errorf("%d values where one is wanted", len(v))
			}
			parsed, err := parse(v[0])
			if err == nil {
				*at(c) = parsed
			}
			return err
		},
		get: func(c *Config) []string { return []string{format(*at(c))} },
	}
}

func flag(key, doc string, at func(*Config) *bool) setting {
	parse := func(s string) (bool, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			err = fmt.Errorf("%q is not true or false", s)
		}
		return b, err
	}
	return scalar(key, doc, boolean, at, parse, strconv.FormatBool)
}

func words(key, doc string, at func(*Config) *[]string) setting {
	return setting{key: key, doc: doc, shape: list,
		set: func(c *Config, v []string) error { *at(c) = slices.Clone(v); return nil },
		get: func(c *Config) []string { return slices.Clone(*at(c)) },
	}
}

func setListen(c *Config, v []string) error {
	var all []netip.AddrPort
	for _, s := range v {
		addrs, err := parseListen(s)
		if err != nil {
			return err
		}
		all = append(all, addrs...)
	}
	c.Network.Listen = all
	return nil
}

func each[T, U any](in []T, f func(T) U) []U {
	out := make([]U, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func asIs(s string) (string, error) { return s, nil }

func word[T ~string](s T) string { return string(s) }

func parseInt64(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

func parseInt(s string) (int, error) { n, err := parseInt64(s); return int(n), err }

func formatInt64(n int64) string { return strconv.FormatInt(n, 10) }

func sortLabels(ls []market.Label) {
	slices.SortStableFunc(ls, func(a, b market.Label) int { return strings.Compare(a.Key, b.Key) })
}

func find(key string) (setting, bool) {
	all := settings()
	i := slices.IndexFunc(all, func(s setting) bool { return s.key == key })
	if i < 0 {
		return setting{}, false
	}
	return all[i], true
}
