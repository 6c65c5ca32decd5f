package node

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"caravela/api"
)

// DebugBundle implements api.Backend. What cannot be found out is in the
// bundle as the reason why, so that a broken node still says what it can.
func (n *Node) DebugBundle(ctx context.Context, w io.Writer) error {
	zipped := gzip.NewWriter(w)
	b := &bundle{to: tar.NewWriter(zipped), at: time.Now()}
	b.json("version.json", n.cfg.Version, nil)
	settings, err := n.Settings(ctx)
	b.json("settings.json", withoutSecrets(settings), err)
	status, err := n.Status(ctx)
	b.json("status.json", status, err)
	doctor, err := n.Doctor(ctx)
	b.json("doctor.json", doctor, err)
	sale, err := n.Sale(ctx)
	b.json("sale.json", sale, err)
	nodes, err := n.Nodes(ctx)
	b.json("nodes.json", nodes, err)
	leases, err := n.Leases(ctx, api.LeaseOptions{All: true})
	b.json("leases.json", leases, err)
	peers, err := n.Peers(ctx)
	b.json("peers.json", peers, err)
	b.json("store.json", n.storeFigures(), nil)
	events, _ := n.feed.after(0)
	b.json("events.json", events, nil)
	b.file("metrics.txt", func(w io.Writer) error { return n.metricsText(ctx, w) })
	b.file("goroutines.txt", func(w io.Writer) error { return pprof.Lookup("goroutine").WriteTo(w, 1) })
	return errors.Join(b.err, b.to.Close(), zipped.Close())
}

// bundle is a tar archive that is written file by file. After an error it
// takes nothing any more.
type bundle struct {
	to  *tar.Writer
	at  time.Time
	err error
}

func (b *bundle) json(name string, v any, err error) {
	b.file(name, func(w io.Writer) error {
		if err != nil {
			return err
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	})
}

// file adds what f writes; where f fails, the reason.
func (b *bundle) file(name string, f func(w io.Writer) error) {
	var text bytes.Buffer
	if err := f(&text); err != nil {
		name += ".failed"
		text.Reset()
		fmt.Fprintln(&text, err)
	}
	if b.err != nil {
		return
	}
	head := &tar.Header{Name: "caravela-debug/" + name, Mode: 0o600, Size: int64(text.Len()), ModTime: b.at}
	if b.err = b.to.WriteHeader(head); b.err == nil {
		_, b.err = b.to.Write(text.Bytes())
	}
}

// withoutSecrets blots out what a setting may hold that nobody else should
// read: arguments of programs, and addresses with keys in them.
func withoutSecrets(list []api.Setting) []api.Setting {
	out := make([]api.Setting, len(list))
	for i, s := range list {
		s.Value, s.Default = revealed(s.Key, s.Value), revealed(s.Key, s.Default)
		out[i] = s
	}
	return out
}

func revealed(key, value string) string {
	switch {
	case value == "":
		return ""
	case key == "price.command":
		return "(set)"
	case strings.HasPrefix(key, "webhook.url"), strings.HasPrefix(key, "engine.host"):
		u, err := url.Parse(value)
		if err != nil || u.Host == "" && u.Scheme != "unix" {
			return "(set)"
		}
		if u.Scheme == "unix" {
			return value
		}
		return u.Scheme + "://" + u.Host + "/..."
	}
	return value
}

// storeFigures counts what the store holds, by kind of record.
func (n *Node) storeFigures() map[string]int {
	b := n.board
	figures := map[string]int{"accounts": len(b.allAccounts()), "holds": len(b.allHolds()), "settlements_open": len(b.open())}
	for _, a := range b.allAccounts() {
		figures["entries"] += int(a.Entries)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	figures["sold"], figures["bought"] = len(b.sold), len(b.bought)
	figures["meters_sold"], figures["meters_bought"] = len(b.billing.sold), len(b.billing.bought)
	return figures
}

// metricsText is what /metrics shows of the node.
func (n *Node) metricsText(ctx context.Context, w io.Writer) error {
	r := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{n, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "/metrics", http.NoBody)
	if err != nil {
		return err
	}
	promhttp.HandlerFor(r, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(textOnly{w, http.Header{}}, ask)
	return nil
}

// textOnly is the answer of a handler of which only the body is wanted.
type textOnly struct {
	io.Writer
	header http.Header
}

// Header implements http.ResponseWriter.
func (t textOnly) Header() http.Header { return t.header }

// WriteHeader implements http.ResponseWriter.
func (textOnly) WriteHeader(int) {}
