//go:build hosts

package hosts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"caravela/api"
)

// TestPricedStory is what two people and a judge live through: a container is
// bought for a price, watched, renewed, nearly taken back, cut off, and taken
// back in the end; both sides die on the way; and what is due is proved to
// somebody who was never there.
func TestPricedStory(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	cedar := m.join(lab.h2, "cedar", reed, priced("lease.notice=2s", "lease.grace=5m")...)
	m.join(lab.h3, "maple", reed, priced("price.core=5")...)
	m.offered(reed, 2)

	run := []string{"run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", "--lease", "1h", "-p", "8080:8080"}
	if said := m.do(reed, append(run, "--max-price", "1/h", WebImage)...); said.Code != 2 || !strings.Contains(said.Err, "price") {
		t.Errorf("for less than anybody asks: code %d, %s", said.Code, said.Err)
	}
	said := m.do(reed, append(run, "--max-price", "2 credit/h", WebImage)...)
	if said.Code != 0 || !strings.Contains(said.Err, "1.8 credit/h") {
		t.Fatalf("for what cedar asks: code %d, %s", said.Code, said.Err)
	}
	if seller := m.sellerOf(reed, "web"); seller != cedar {
		t.Fatalf("%s sold it for more than it may cost", seller.Name)
	}

	m.billedMore(reed, "web", 0)
	if out := m.must(reed, "ps"); !strings.Contains(out, "COST") || !strings.Contains(out, "LEFT") && !strings.Contains(out, "LEASE ENDS") || !strings.Contains(out, "credit") {
		t.Errorf("ps =\n%s", out)
	}
	before := m.lease(reed, "web")
	m.must(reed, "lease", "renew", "web")
	if after := m.lease(reed, "web"); after.ID == before.ID || after.ContainerID != before.ContainerID || after.EndsAt.Before(before.EndsAt) {
		t.Errorf("renewed from %+v to %+v", before, after)
	}

	m.must(cedar, "lease", "reclaim", before.ContainerID, "--notice", "1h", "--why", "the machine is needed")
	m.eventually("the buyer hears of it", func() error { return m.noticed(reed, "web", "reclaim") })
	m.must(cedar, "lease", "reclaim", "--cancel", before.ContainerID)
	m.eventually("and that it is off", func() error { return m.noticed(reed, "web", "") })

	billed := m.billedMore(reed, "web", 0)
	mend := m.cut(lab.h1, lab.h2)
	m.eventually("notes wait for their acknowledgement", func() error {
		if l := m.lease(cedar, before.ContainerID); l.UnackedNotes == 0 {
			return fmt.Errorf("%d notes wait", l.UnackedNotes)
		}
		return nil
	})
	mend()
	billed = m.billedMore(reed, "web", billed)

	cedar.Kill()
	m.restart(cedar)
	billed = m.billedMore(reed, "web", billed)
	reed.Kill()
	m.restart(reed)
	m.billedMore(reed, "web", billed)
	m.pageFrom(lab.h3, lab.h2, 8080)

	m.must(cedar, "lease", "reclaim", before.ContainerID)
	m.inState(reed, "web", "ended")
	m.eventually("the engine is empty", func() error { return lab.h2.engineIsEmpty(m.ctx) })
	m.eventually("both have signed the same receipts", func() error { return sameReceipts(m.ctx, cedar, reed) })
	m.verified(reed, cedar)
	for _, n := range []*Node{reed, cedar} {
		m.proves(n, before.ContainerID)
	}
}

// lease is how n sees the lease in force of that container, or its last.
func (m *market) lease(n *Node, ref string) api.Lease {
	m.Helper()
	found, err := ask[[]api.LeaseDetail](m.ctx, n, "lease", "inspect", ref)
	m.check(err)
	newest := found[0].Lease
	if newest.ID == newest.ContainerID { // which names the first one, too
		all, err := ask[[]api.Lease](m.ctx, n, "lease", "ls", "-a")
		m.check(err)
		if i := slices.IndexFunc(all, func(l api.Lease) bool { return l.ContainerID == newest.ID }); i >= 0 {
			newest = all[i]
		}
	}
	return newest
}

// billedMore waits until more than that is acknowledged of the container's
// lease in force, and returns how much.
func (m *market) billedMore(n *Node, ref string, than int64) (amount int64) {
	m.Helper()
	m.eventually("more is billed", func() error {
		if amount = m.lease(n, ref).AmountMicro; amount <= than {
			return fmt.Errorf("%d of %s is acknowledged, as before: %d", amount, ref, than)
		}
		return nil
	})
	return amount
}

// noticed says whether the container's buyer knows of such a notice; "" is none.
func (m *market) noticed(n *Node, ref, kind string) error {
	found := ""
	if l := m.lease(n, ref); l.Notice != nil {
		found = l.Notice.Kind
	}
	if found != kind {
		return fmt.Errorf("the notice is %q, want %q", found, kind)
	}
	return nil
}

// changes is at how many places an exported lease is changed. That no byte at
// all goes unnoticed is tested in ledger, where it costs no process.
const changes = 24

// proves exports a lease from n and shows it to a machine without a node and
// without a network.
func (m *market) proves(n *Node, ref string) {
	m.Helper()
	dir := m.TempDir()
	file := filepath.Join(dir, "lease.txt")
	m.must(n, "lease", "export", ref, "-o", file)
	judge := func(file string) error {
		cmd := lab.home.Command(m.ctx, lab.caravela, "lease", "verify", file)
		cmd.Env = []string{"HOME=" + filepath.Join(dir, "nobody"), "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	}
	m.check(lab.lab.router.Unplug(m.ctx))
	defer func() { m.check(lab.lab.router.Plug(m.ctx)) }()
	if err := judge(file); err != nil {
		m.Errorf("what %s has exported: %v", n.Name, err)
	}
	text, err := os.ReadFile(file)
	m.check(err)
	changed := filepath.Join(dir, "changed.txt")
	for i := range changes {
		at := i * (len(text) - 1) / (changes - 1)
		text[at] ^= 1
		m.check(os.WriteFile(changed, text, 0o600))
		text[at] ^= 1
		if judge(changed) == nil {
			m.Errorf("byte %d of %d of what %s has exported was changed, and nobody noticed", at, len(text), n.Name)
		}
	}
}
