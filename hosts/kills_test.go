//go:build hosts

package hosts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"caravela/api"
)

const (
	killRounds = 6    // after each of which all come back and are asked
	killsEach  = 9    // of each node, in each round
	killSeed   = 27   // of what is bought, and of who dies when, unless KILLS_SEED says otherwise
	lifetime   = 4000 // milliseconds that a node serves at most
	half       = 500
	halves     = 4 // of half a core, that fit on a supplier of the size small
)

// TestTwoHundredKills lets buyers and suppliers trade priced leases, billed
// every second, and kills each of their processes again and again at random
// moments: while they start, buy, grant, launch, renew, stop, reclaim, bill,
// and sign. Nobody is spared, so traders die as well.
func TestTwoHundredKills(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	rush := m.join(lab.h1, "rush", reed, "--no-offer", "--listen", "7411")
	cedar := m.join(lab.h2, "cedar", reed, priced("lease.notice=2s")...)
	maple := m.join(lab.h3, "maple", reed, priced("lease.notice=0s", "lease.bear=3", "lease.grace=3s")...)
	m.offered(reed, 2)
	m.offered(rush, 2)
	f := &fray{market: m, buyers: []*Node{reed, rush}, sellers: []*Node{cedar, maple}, seed: killSeed, lives: map[*Node][]life{}}
	if n, err := strconv.ParseUint(os.Getenv("KILLS_SEED"), 10, 64); err == nil {
		f.seed = n
	}
	for _, n := range m.nodes {
		_, err := n.ID(m.ctx)
		m.check(err)
		f.lives[n] = []life{{from: time.Now()}}
	}
	watched := f.watch()
	for round := range killRounds {
		f.restock()
		began := time.Now()
		f.storm(uint64(round))
		calm := time.Now()
		f.agree()
		t.Logf("round %d: %d kills so far, %s of storm, %s until all agreed; %d of %d errands done",
			round+1, f.kills.Load(), calm.Sub(began).Round(time.Millisecond), time.Since(calm).Round(time.Millisecond), f.done.Load(), f.errands.Load())
	}
	f.finish()
	watched()
	if n := f.kills.Load(); n < 200 {
		t.Errorf("only %d kills", n)
	}
}

// fray is a market whose nodes are killed.
type fray struct {
	*market
	buyers, sellers []*Node
	seed            uint64

	kills, errands, done atomic.Int64

	mu    sync.Mutex
	lives map[*Node][]life
}

// life is one process of a node; to is zero while it lives.
type life struct{ from, to time.Time }

// restock sees to it that each buyer has a container that goes on, and that
// its lease can be renewed: the market works after whatever has been.
func (f *fray) restock() {
	f.Helper()
	for _, n := range f.buyers {
		f.eventually(n.Name+" buys and renews", func() error {
			all, err := n.Containers(f.ctx)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all, func(c api.Container) bool { return c.Renews && c.State == "running" })
			if i >= 0 {
				_, err = n.Must(f.ctx, "lease", "renew", all[i].ID)
				return err
			}
			_, err = n.Must(f.ctx, "run", "-d", "--lease", "9s", "--restart", "always", "--stop-timeout", "1", "--cpus", "0.5", "-m", "16m", WebImage)
			if err == nil {
				err = errors.New("not renewed yet")
			}
			return err
		})
	}
}

// storm kills every node killsEach times while errands are run, and returns
// when all are back.
func (f *fray) storm(seed uint64) {
	f.Helper()
	ctx, stop := context.WithCancel(f.ctx)
	var work, deaths sync.WaitGroup
	for i, n := range f.buyers {
		work.Go(func() { f.buy(ctx, n, rand.New(rand.NewPCG(f.seed, seed<<8|uint64(i)))) })
	}
	for i, n := range f.sellers {
		work.Go(func() { f.sell(ctx, n, rand.New(rand.NewPCG(f.seed+1, seed<<8|uint64(i)))) })
	}
	problems := make([]error, len(f.nodes))
	for i, n := range f.nodes {
		deaths.Go(func() { problems[i] = f.die(n, rand.New(rand.NewPCG(f.seed+2, seed<<8|uint64(i)))) })
	}
	deaths.Wait()
	stop()
	work.Wait()
	f.check(errors.Join(problems...))
}

// die kills the node at random moments: one time in three before it serves.
func (f *fray) die(n *Node, rng *rand.Rand) error {
	for range killsEach {
		moment := time.Duration(rng.IntN(300)) * time.Millisecond
		if rng.IntN(3) > 0 {
			if err := until(f.ctx, settle, n.alive); err != nil {
				return fmt.Errorf("%s does not come back: %w, its log ends with:\n%s", n.Name, err, n.LogTail(2000))
			}
			moment = time.Duration(rng.IntN(lifetime)) * time.Millisecond
		}
		<-time.After(moment)
		n.Kill()
		f.kills.Add(1)
		f.mark(n, true)
		f.mark(n, false)
		if err := n.spawn([]string{"serve"}); err != nil {
			return err
		}
	}
	if err := until(f.ctx, settle, n.alive); err != nil {
		return fmt.Errorf("%s does not come back: %w, its log ends with:\n%s", n.Name, err, n.LogTail(2000))
	}
	return nil
}

// mark writes down a death, or a birth.
func (f *fray) mark(n *Node, dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.lives[n]
	if dead {
		all[len(all)-1].to = time.Now()
	} else {
		f.lives[n] = append(all, life{from: time.Now()})
	}
}

// lived is how long processes of the node lived in that time.
func (f *fray) lived(n *Node, from, to time.Time) (sum time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lives[n] {
		end := l.to
		if end.IsZero() || end.After(to) {
			end = to
		}
		if l.from.After(from) {
			sum += max(0, end.Sub(l.from))
		} else {
			sum += max(0, end.Sub(from))
		}
	}
	return sum
}

// errand is one request of a user. That it fails is no failure: its node may
// be dead, or nothing may be left to buy.
func (f *fray) errand(ctx context.Context, n *Node, do func(context.Context, *api.Client) error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c := n.Client()
	defer c.Close()
	f.errands.Add(1)
	if do(ctx, c) == nil {
		f.done.Add(1)
	}
}

// buy does what a buyer's user does.
func (f *fray) buy(ctx context.Context, n *Node, rng *rand.Rand) {
	for ctx.Err() == nil {
		f.errand(ctx, n, func(ctx context.Context, c *api.Client) error {
			mine, err := c.Containers(ctx, api.ListOptions{All: true})
			if err != nil {
				return err
			}
			if len(mine) < halves+1 && rng.IntN(2) == 0 {
				return f.run(ctx, c, rng)
			}
			if len(mine) == 0 {
				return nil
			}
			one := mine[rng.IntN(len(mine))]
			ref := api.ContainerRef(one.ID)
			switch rng.IntN(6) {
			case 0:
				return c.Stop(ctx, ref, api.StopRequest{})
			case 1:
				return c.Start(ctx, ref)
			case 2:
				return c.Remove(ctx, ref, api.RemoveOptions{Force: true})
			case 3:
				return c.Restart(ctx, ref, api.StopRequest{})
			default:
				_, err := c.RenewLease(ctx, api.LeaseRef(one.ID), api.RenewRequest{})
				return err
			}
		})
		pause(ctx, rng)
	}
}

func (f *fray) run(ctx context.Context, c *api.Client, rng *rand.Rand) error {
	req := api.RunRequest{Spec: api.Spec{
		Image: WebImage, Restart: "always", StopGraceMS: 500,
		Resources: api.Resources{MilliCPU: half, MemoryBytes: 16 << 20},
	}}
	switch rng.IntN(3) {
	case 0: // ends soon
		req.Policy.LeaseTermMS, req.Policy.Renew = 5000, api.RenewNever
	case 1: // is renewed again and again
		req.Policy.LeaseTermMS = 9000
	}
	return c.Run(ctx, req, func(api.RunEvent) error { return nil })
}

// sell does what a supplier's user does: now and then it wants its machine back.
func (f *fray) sell(ctx context.Context, n *Node, rng *rand.Rand) {
	for ctx.Err() == nil {
		f.errand(ctx, n, func(ctx context.Context, c *api.Client) error {
			sold, err := c.Leases(ctx, api.LeaseOptions{Role: api.RoleSold})
			if err != nil || len(sold) == 0 || rng.IntN(15) > 0 {
				return err
			}
			req := api.ReclaimRequest{Now: rng.IntN(2) == 0}
			req.Cancel = !req.Now && rng.IntN(3) == 0
			_, err = c.ReclaimLease(ctx, api.LeaseRef(sold[rng.IntN(len(sold))].ID), req)
			return err
		})
		pause(ctx, rng)
	}
}

func pause(ctx context.Context, rng *rand.Rand) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(100+rng.IntN(400)) * time.Millisecond):
	}
}

// watch looks at the engines all the time: never do more containers run than
// the supplier has cores for, and never two of one unit. It returns what ends
// it.
func (f *fray) watch() (stop func()) {
	ctx, cancel := context.WithCancel(f.ctx)
	var looking sync.WaitGroup
	var looks atomic.Int64
	for _, n := range f.sellers {
		looking.Go(func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for {
				units, err := n.Host.units(ctx)
				if ctx.Err() != nil {
					return
				}
				looks.Add(1)
				if err != nil {
					f.Error(err)
				}
				if running := slices.DeleteFunc(slices.Collect(maps.Values(units)), func(up bool) bool { return !up }); len(running) > halves {
					f.Errorf("%s has sold %d half cores and runs %d containers of that size", n.Name, halves, len(running))
				}
				<-tick.C
			}
		})
	}
	return func() {
		cancel()
		looking.Wait()
		f.Logf("the engines were looked at %d times", looks.Load())
	}
}

// units lists the host's units, and whether they run; two containers of one
// unit are an error.
func (h *Host) units(ctx context.Context) (map[string]bool, error) {
	engine, err := h.Engine()
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	all, err := engine.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, err
	}
	units := map[string]bool{}
	for _, c := range all {
		lease := c.Labels["caravela.lease"]
		if _, twice := units[lease]; twice || lease == "" {
			return nil, fmt.Errorf("%s: %d containers, of which two are of lease %q", h.Name, len(all), lease)
		}
		units[lease] = c.State == "running"
	}
	return units, nil
}

// agree holds everybody's word against everybody else's.
func (f *fray) agree() {
	f.Helper()
	f.eventually("engines, suppliers and buyers have the same containers", f.sameContainers)
	f.sameMoney()
	f.verified(f.nodes...)
}

// sameContainers compares three sets: what engines have, what suppliers have
// sold, and what buyers believe to have.
func (f *fray) sameContainers() error {
	bought := map[string]map[string]bool{}
	for _, n := range f.sellers {
		bought[n.id] = map[string]bool{}
	}
	for _, n := range f.buyers {
		c := n.Client()
		defer c.Close()
		all, err := c.Containers(f.ctx, api.ListOptions{All: true})
		if err != nil {
			return err
		}
		for _, one := range all {
			switch one.State {
			case "running", "stopped":
				bought[one.Node][one.ID] = true
			case "ended", "failed", "lost":
				if one.Reason == "none" {
					return fmt.Errorf("%s: %s is %s, and nobody says why", n.Name, one.ID, one.State)
				}
			default:
				return fmt.Errorf("%s: %s is %s: %s", n.Name, one.ID, one.State, one.Detail)
			}
		}
	}
	for _, n := range f.sellers {
		c := n.Client()
		defer c.Close()
		leases, err := c.Leases(f.ctx, api.LeaseOptions{Role: api.RoleSold})
		if err != nil {
			return err
		}
		sold := map[string]bool{}
		for _, l := range leases {
			sold[l.ContainerID] = true
		}
		units, err := n.Host.units(f.ctx)
		if err != nil {
			return err
		}
		has, has2, has3 := names(maps.Keys(units)), names(maps.Keys(sold)), names(maps.Keys(bought[n.id]))
		if has != has2 || has2 != has3 {
			return fmt.Errorf("%s: the engine has [%s], sold are [%s], and bought [%s]", n.Name, has, has2, has3)
		}
	}
	return nil
}

// names are IDs in one comparable string.
func names(ids func(func(string) bool)) string {
	all := slices.Sorted(ids)
	for i := range all {
		all[i] = all[i][:12]
	}
	return strings.Join(all, " ")
}

// sameMoney looks at what was billed: seconds in which the supplier lived, once.
func (f *fray) sameMoney() {
	f.Helper()
	for _, seller := range f.sellers {
		for _, buyer := range f.buyers {
			f.totalsFollow(seller, buyer)
			f.check(f.billedOnce(seller, buyer))
		}
	}
}

func (f *fray) billedOnce(seller, buyer *Node) error {
	deals, err := buyer.deals(f.ctx, seller)
	if err != nil {
		return err
	}
	chains := map[string]*deal{} // of renewals
	for _, d := range deals {
		if sum := chains[d.container]; sum != nil {
			sum.to, sum.amount = d.to, sum.amount+d.amount
		} else {
			one := *d
			chains[d.container] = &one
		}
	}
	for _, sum := range chains {
		billed := time.Duration(sum.amount/(microASecond*half/1000)) * time.Second
		if lived := f.lived(seller, sum.from, sum.to); billed > lived+2*time.Second {
			err = errors.Join(err, fmt.Errorf("%s bills %s for %s of %s, and lived for %s of it", seller.Name, buyer.Name, billed, sum.container, lived))
		}
	}
	return err
}

// finish ends all leases: engines are empty, both have signed each receipt,
// and the ledgers agree to the micro-unit, also where no node runs.
func (f *fray) finish() {
	f.Helper()
	for _, n := range f.buyers {
		f.removeAll(n)
	}
	for _, n := range f.sellers {
		f.eventually("the engine is empty", func() error { return n.Host.engineIsEmpty(f.ctx) })
	}
	leases, renewals, reasons := 0, 0, map[string]int{}
	for _, seller := range f.sellers {
		for _, buyer := range f.buyers {
			f.eventually("both have signed the same receipts", func() error { return sameReceipts(f.ctx, seller, buyer) })
			f.check(f.billedOnce(seller, buyer))
			deals, err := buyer.deals(f.ctx, seller)
			f.check(err)
			for _, d := range deals {
				leases++
				if d.lease != d.container {
					renewals++
				}
				why, _, _ := strings.Cut(d.reason, ",")
				reasons[why]++
			}
		}
	}
	f.verified(f.nodes...)
	f.Logf("%d leases, %d of them renewals; they ended as: %v", leases, renewals, reasons)
	if leases < killRounds || renewals == 0 {
		f.Error("hardly anything was bought: the kills prove little")
	}
	for _, n := range f.nodes {
		n.Kill()
		f.must(n, "ledger", "verify", "--data-dir", n.dir+"/data")
	}
}

// sameReceipts says whether all leases between the two are closed, with the
// same amount in both logs.
func sameReceipts(ctx context.Context, seller, buyer *Node) error {
	at, err := seller.deals(ctx, buyer)
	if err != nil {
		return err
	}
	by, err := buyer.deals(ctx, seller)
	if err != nil {
		return err
	}
	known := map[string]*deal{}
	for _, d := range by {
		if known[d.lease] = d; !d.closed {
			return fmt.Errorf("%s: lease %s with %s is open, at %d", buyer.Name, d.lease[:12], seller.Name, d.amount)
		}
	}
	for _, d := range at {
		other := known[d.lease]
		switch {
		case other == nil && d.amount == 0 && !d.closed: // a grant that its buyer has never taken: nobody is asked to sign for it
		case other == nil:
			return fmt.Errorf("%s has %d for lease %s, of which %s knows nothing", seller.Name, d.amount, d.lease[:12], buyer.Name)
		case !d.closed || d.amount != other.amount:
			return fmt.Errorf("%s has %d for lease %s (closed: %v), and %s %d", seller.Name, d.amount, d.lease[:12], d.closed, buyer.Name, other.amount)
		}
		delete(known, d.lease)
	}
	for lease := range known {
		return fmt.Errorf("%s has lease %s, of which %s knows nothing", buyer.Name, lease[:12], seller.Name)
	}
	return sameTotals(ctx, seller, buyer)
}
