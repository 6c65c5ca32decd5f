package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
)

// lessor is a node with leases of both sides, which remembers what was asked.
type lessor struct {
	*apitest.Fake
	renewed   api.RenewRequest
	reclaimed api.ReclaimRequest
	refs      []api.LeaseRef
	options   api.LeaseOptions
	err       error
}

func (l *lessor) lease() api.Lease {
	at := time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC)
	return api.Lease{
		ID: recordedID, ContainerID: recordedID, Name: "web", Role: api.RoleSold, Peer: apitest.CedarID, PeerName: "cedar", Image: "web:1",
		State: "running", Reason: "none", Resources: api.Resources{MilliCPU: 2000, MemoryBytes: 512 << 20}, EndsAt: at.Add(20 * time.Hour),
		LeftMS: 72_000_000, Renews: true, Cost: api.Cost{Unit: "credit", HourlyMicro: 42_500}, MaxMicro: 1_000_000,
		Bill:    api.Bill{RunningS: 600, ParkedS: 60, AmountMicro: 7_083, UnackedMicro: 708, UnackedNotes: 2, NoteSeq: 12},
		Receipt: api.ReceiptNone, Notice: &api.Notice{Kind: "reclaim", DeadlineAt: at.Add(9 * time.Minute)},
	}
}

func (l *lessor) Leases(_ context.Context, o api.LeaseOptions) ([]api.Lease, error) {
	l.options = o
	over := l.lease()
	over.State, over.Reason, over.LeftMS, over.Name = "ended", "expired", 0, ""
	over.Bill, over.Cost = api.Bill{}, api.Cost{}
	return []api.Lease{l.lease(), over}, l.err
}

func (l *lessor) RenewLease(_ context.Context, ref api.LeaseRef, req api.RenewRequest) (api.Lease, error) {
	l.refs, l.renewed = append(l.refs, ref), req
	return l.lease(), l.err
}

func (l *lessor) ReclaimLease(_ context.Context, ref api.LeaseRef, req api.ReclaimRequest) (api.Lease, error) {
	l.refs, l.reclaimed = append(l.refs, ref), req
	return l.lease(), l.err
}

func TestLeaseLs(t *testing.T) {
	node := &lessor{Fake: apitest.NewFake()}
	c := newCLI(t, node)
	out := c.ok("lease", "ls")
	for _, want := range []string{
		"LEASE          CONTAINER   SIDE   PEER    STATE                    LEFT          DUE\n",
		"3f9a1c001122   web         sold   cedar   running, reclaim in 9m   20h, renews   0.007083 credit\n",
		"3f9a1c001122   -           sold   cedar   ended (expired)          over          free\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	wide := c.ok("lease", "ls", "-o", "wide")
	for _, want := range []string{"0.0425 credit/h", "0.000708 credit in 2 notes", "10m and 60s stopped", "1 credit", "Sun 09:00", "free"} {
		if !strings.Contains(wide, want) {
			t.Errorf("no %q in\n%s", want, wide)
		}
	}
	for line, want := range map[string]api.LeaseOptions{
		"lease ls": {}, "lease ls -a --sold": {All: true, Role: api.RoleSold}, "lease ls --bought": {Role: api.RoleBought}, "lease ls --bought --sold": {},
	} {
		if c.ok(strings.Fields(line)...); node.options != want {
			t.Errorf("%s: %+v", line, node.options)
		}
	}
	if out := c.ok("lease", "ls", "-q"); out != "3f9a1c001122\n3f9a1c001122\n" {
		t.Errorf("%q", out)
	}
	if out := c.ok("lease", "ls", "-q", "--no-trunc"); !strings.HasPrefix(out, recordedID+"\n") {
		t.Errorf("%q", out)
	}
}

func TestLeaseChanges(t *testing.T) {
	node := &lessor{Fake: apitest.NewFake()}
	c := newCLI(t, node)
	r := c.run("lease", "renew", "--lease", "7d", "web", "db")
	if r.code != 0 || node.renewed.TermMS != 7*86_400_000 || len(node.refs) != 2 || r.out != recordedID+"\n"+recordedID+"\n" ||
		!strings.HasPrefix(r.err, "renewed web on cedar · 0.0425 credit/h · 20h, until Sun 09:00, renews\n") {
		t.Errorf("%+v %+v", r, node)
	}
	if out := c.ok("lease", "renew", "web", "--format", "{{.Name}} {{.AmountMicro}}"); out != "web 7083\n" {
		t.Errorf("%q", out)
	}
	r = c.run("lease", "reclaim", "web", "--notice", "30m", "--why", "needed")
	if r.code != 0 || node.reclaimed != (api.ReclaimRequest{NoticeMS: 1_800_000, Detail: "needed"}) || r.err != "web, leased to cedar, ends in 9m; cedar is told\n" {
		t.Errorf("%+v %+v", r, node.reclaimed)
	}
	if r = c.run("lease", "reclaim", "web", "--cancel"); !node.reclaimed.Cancel || r.err != "web, leased to cedar, stays; cedar is told\n" {
		t.Errorf("%+v", r)
	}
	if r = c.run("lease", "reclaim", "web", "--now"); !node.reclaimed.Now || r.err != "web, leased to cedar, is ended before its time\n" {
		t.Errorf("%+v", r)
	}
	asked := len(node.refs)
	for line, want := range map[string]string{
		"lease reclaim web --now --cancel":             "--now, --cancel, --why: ",
		"run --max-price 9999999/h web":                "--max-price",
		"lease reclaim web --now --notice 1m":          "exclude each other",
		"lease reclaim web --notice 40d":               "at most 30 days",
		"lease renew web --lease soon":                 "--lease",
		"lease renew":                                  "needs a lease",
		"lease export web -o json":                     "looks like the form",
		"lease ls x":                                   "too much",
		"lease verify":                                 "needs a file",
		"lease inspect nobody":                         "lease ls",
		"lease cancel nobody":                          "nobody",
		"ledger ls nobody":                             "node ls",
		"ledger ls cedar -n 0":                         "-n",
		"ledger credit cedar --limit 1":                "needs the unit",
		"ledger credit cedar --unit EUR":               "goes with --unit",
		"ledger credit cedar --limit x":                "--limit",
		"peer note cedar":                              "needs a peer",
		"peer block nobody":                            "node ls",
		"offer price --core x":                         "--core",
		"offer price --core 9999999":                   "--core",
		"offer price --reset --core 1":                 "exclude each other",
		"quote":                                        "needs an image",
		"quote --pids-limit 0 web":                     "--pids-limit",
		"quote --spread --colocate web":                "exclude each other",
		"quote --max-price x web":                      "--max-price",
		"market search --sort name":                    "--sort",
		"market search --max-price 1/m":                "--max-price",
		"run --max-price 0.05/day web":                 "--max-price",
		"run --max-cost 0 web":                         "--max-cost",
		"run --max-cost 1/h web":                       "--max-cost",
		"run --max-price 1EUR --max-cost 1c x":         "--max-cost",
		"run -d --replicas 2 web --hold " + recordedID: "for one container",
		"run --hold x web":                             "not the ID of a hold",
		"ledger verify --data-dir /nowhere/dir":        "no leases-*.db",
		"ledger verify /nowhere/leases.db":             "/nowhere/leases.db",
		"ledger verify x --data-dir y":                 "exclude each other",
	} {
		if r := c.run(strings.Fields(line)...); r.code == 0 || !strings.Contains(r.err, want) {
			t.Errorf("%s: code %d, want %q in %s", line, r.code, want, r.err)
		}
	}
	if len(node.refs) != asked {
		t.Errorf("the node was asked for %v", node.refs[asked:])
	}
}

func TestLeaseInspectAndCancel(t *testing.T) {
	node := apitest.NewFake()
	id := apitest.Start(t, node, "web").ID
	c := newCLI(t, node)
	if out := c.ok("lease", "inspect", "web", "--format", "{{.ContainerID}} {{.Notice.Kind}}"); out != id+" reclaim\n" {
		t.Errorf("%q", out)
	}
	if out := c.ok("lease", "inspect", "web"); !strings.HasPrefix(out, "[\n") || !strings.Contains(out, `"spec_hash"`) {
		t.Errorf("%s", out)
	}
	if out := c.ok("lease", "inspect", "web", "-o", "table"); !strings.HasPrefix(out, "LEASE") {
		t.Errorf("%s", out)
	}
	if out := c.ok("lease", "cancel", "web"); out != "web\n" {
		t.Errorf("%q", out)
	}
	if r := c.run("lease", "cancel", "web"); r.code != 1 {
		t.Errorf("it is still there: %+v", r)
	}
}

// failing is a node whose files break off.
type failing struct{ *apitest.Fake }

func (failing) DebugBundle(_ context.Context, w io.Writer) error {
	if _, err := io.WriteString(w, "half"); err != nil {
		return err
	}
	return api.Errorf(api.CodeInternal, "the disk broke")
}

// A file that is made is whole and the user's own, or it is not there; one
// that exists is left alone.
func TestFilesAreWhole(t *testing.T) {
	t.Chdir(t.TempDir())
	node := apitest.NewFake()
	id := apitest.Start(t, node, "web").ID
	c := newCLI(t, node)
	c.address, c.direct = "", node
	if out := c.ok("lease", "export", "web"); out != "lease-"+id[:12]+".txt\n" {
		t.Errorf("%q", out)
	}
	if b, err := os.ReadFile("lease-" + id[:12] + ".txt"); string(b) != "lease "+id+"\n" {
		t.Errorf("%q %v", b, err)
	}
	if r := c.run("lease", "export", "web"); r.code != 1 || !strings.Contains(r.err, "exists") || !strings.Contains(r.err, "try: -o FILE") {
		t.Errorf("%+v", r)
	}
	if out := c.ok("lease", "export", "web", "-o", "-"); out != "lease "+id+"\n" {
		t.Errorf("%q", out)
	}
	if out := c.ok("ledger", "export"); !strings.HasPrefix(out, "peer,entries\n") {
		t.Errorf("%q", out)
	}
	if out := c.ok("debug", "bundle"); out != "caravela-debug-20260131-130000.tar.gz\n" {
		t.Errorf("%q", out)
	}
	if info, err := os.Stat("caravela-debug-20260131-130000.tar.gz"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	c.direct = failing{node}
	if r := c.run("debug", "bundle", "-o", "half"); r.code != 1 || r.out != "" || !strings.Contains(r.err, "the disk broke") {
		t.Errorf("%+v", r)
	}
	if left, _ := filepath.Glob("half*"); len(left) > 0 {
		t.Errorf("a part of a file is left: %v", left)
	}
}

// The price is told before anybody is asked, and again with the lease.
func TestRunTellsThePrice(t *testing.T) {
	node := record()
	node.events = placed()
	cost := api.Cost{Unit: "credit", HourlyMicro: 42_500, StartMicro: 1_000, TermMicro: 1_021_000}
	asked, leased := &node.events[1], node.events[2].Lease
	asked.Cost, leased.Cost, leased.MaxMicro = &cost, cost, 500_000
	leased.EndsAt = time.Date(2026, 2, 1, 13, 0, 0, 0, time.UTC)
	c := newCLI(t, node)
	r := c.run("run", "-d", "--max-price", "0.05 credit/h", "--max-cost", "0.5", "--strategy", "cheapest", "web")
	want := "asking cedar: 0.0425 credit/h and 0.001 to start\n" +
		"leased 2 cpu / 512m on cedar (eu, 18 ms) · 0.0425 credit/h · until Sun 13:00, renews, at most 0.5 credit\n"
	if !strings.HasPrefix(r.err, want) {
		t.Errorf("%s", r.err)
	}
	p := node.requests[0].Policy
	if p.MaxHourlyMicro == nil || *p.MaxHourlyMicro != 50_000 || p.Unit != "credit" || p.MaxCostMicro != 500_000 || p.Strategy != api.StrategyCheapest {
		t.Errorf("%+v", p)
	}
	c.ok("run", "-d", "--hold", recordedID, "--max-cost", "5 EUR", "web")
	if p := node.requests[1].Policy; p.Hold != recordedID || p.Unit != "EUR" || p.MaxHourlyMicro != nil {
		t.Errorf("%+v", p)
	}
	leased.MaxMicro = cost.TermMicro // what it costs anyway
	if r := c.run("run", "-d", "web"); strings.Contains(r.err, "at most") {
		t.Errorf("%s", r.err)
	}
}
