//go:build hosts

package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStoreInTrouble fills the disk under a supplier that writes notes every
// second, mounts it read-only, and changes a byte of its ledger: the node says
// so and ends, or does not begin; once the disk is as it was all goes on, and
// the books agree.
func TestStoreInTrouble(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	disk := lab.h2.path("node-cedar", "data")
	m.mount(disk)
	cedar := m.join(lab.h2, "cedar", reed, priced()...)
	m.Cleanup(cedar.Kill) // nothing can be unmounted that is in use
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "web", "--restart", "always", "--lease", "1h", "--cpus", "0.5", "-m", "64m", WebImage)
	billed := m.billedMore(reed, "web", 0)
	before := m.engineIDs(lab.h2)

	filler := filepath.Join(disk, "filler")
	m.check(fill(filler))
	select {
	case <-cedar.ended:
	case <-time.After(settle):
		t.Fatal("the node goes on without a disk")
	}
	m.hasSaid(cedar, "no space left", "free some")
	m.check(os.Remove(filler))
	m.restart(cedar)
	billed = m.billedMore(reed, "web", billed)

	cedar.Kill()
	m.check(syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	m.staysDown(cedar, "read-only", "mount its disk for writing")
	m.check(syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""))
	m.restart(cedar)
	billed = m.billedMore(reed, "web", billed)

	cedar.Kill()
	stores, err := filepath.Glob(filepath.Join(disk, "leases-*.db"))
	m.check(err)
	good, err := os.ReadFile(stores[0])
	m.check(err)
	m.check(os.WriteFile(stores[0], damaged(good), 0o600))
	m.staysDown(cedar, "damaged", "from a backup")
	if said := m.do(cedar, "ledger", "verify", "--data-dir", disk); said.Code != 1 {
		t.Errorf("ledger verify of a damaged store: code %d: %s", said.Code, said.Out+said.Err)
	}
	m.check(os.WriteFile(stores[0], good, 0o600))
	m.restart(cedar)
	m.billedMore(reed, "web", billed)

	if after := m.engineIDs(lab.h2); after != before {
		t.Errorf("the container was %s and is %s", before, after)
	}
	m.must(reed, "rm", "-f", "web")
	m.eventually("the engine is empty", func() error { return lab.h2.engineIsEmpty(m.ctx) })
	m.eventually("both have signed the same receipts", func() error { return sameReceipts(m.ctx, cedar, reed) })
	m.verified(reed, cedar)
}

// mount puts a small disk there, until the test ends.
func (m *market) mount(dir string) {
	m.Helper()
	m.check(os.MkdirAll(dir, 0o700))
	m.check(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=700"))
	m.Cleanup(func() {
		if err := until(context.Background(), settle, func(context.Context) error { return syscall.Unmount(dir, 0) }); err != nil {
			m.Error(err)
		}
	})
}

// fill writes a file until there is no room for one more byte.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return nil
}

// damaged is the store with one byte changed wherever the container's image
// is named: at least one of these places is in use.
func damaged(store []byte) []byte {
	return bytes.ReplaceAll(store, []byte("caravela/demo-web"), []byte("caravela/demo-wec"))
}

// staysDown checks that the node does not serve, and says why and what to do.
func (m *market) staysDown(n *Node, words ...string) {
	m.Helper()
	m.check(n.spawn([]string{"serve"}))
	select {
	case <-n.ended:
	case <-time.After(settle):
		m.Fatalf("%s neither ends nor says why; its log ends with:\n%s", n.Name, n.LogTail(1000))
	}
	m.hasSaid(n, words...)
}

// hasSaid checks the node's last words: what is wrong, and what to do.
func (m *market) hasSaid(n *Node, words ...string) {
	m.Helper()
	last := n.LogTail(800)
	for _, w := range words {
		if !strings.Contains(last, w) {
			m.Errorf("%s says %q; want %q", n.Name, last, w)
		}
	}
}
