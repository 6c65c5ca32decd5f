//go:build hosts

package hosts

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"testing"
	"time"
)

// A node behind NAT sells; the buyer's stream outlives the two minutes and
// 128 KiB after which a relay of libp2p's defaults would end it.
func TestHomeBehindNATSells(t *testing.T) {
	m := newMarket(t)
	maple := m.create(lab.h3, "maple", "--no-offer")
	reed := m.join(lab.h1, "reed", maple, "--no-offer")
	m.join(lab.home, "house", maple, "--offer", small)
	m.offered(reed, 1)

	m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", WebImage, "serve", "-beat", "10ms", "-beat-size", "200")
	if seller := m.sellerOf(reed, "web"); seller.Name != "house" {
		t.Fatalf("%s runs it, want the house", seller.Name)
	}
	if out := m.must(reed, "exec", "web", "/web", "say", "hello"); out != "hello" {
		t.Errorf("exec = %q", out)
	}

	seconds := natSeconds(t)
	ctx, cancel := context.WithTimeout(m.ctx, seconds)
	defer cancel()
	follow := reed.CLI(ctx, "logs", "-f", "web")
	out, err := follow.StdoutPipe()
	m.check(err)
	m.check(follow.Start())
	began := time.Now()
	beats, bytes, gap := count(out)
	lasted := time.Since(began)
	_ = follow.Wait() // ended by the deadline
	t.Logf("followed %d beats, %d bytes for %s", beats, bytes, lasted.Round(time.Second))
	if gap != "" {
		t.Error(gap)
	}
	if lasted < seconds-time.Second || bytes <= 1<<20 {
		t.Errorf("the log ended after %s and %d bytes, want %s and over 1 MiB", lasted, bytes, seconds)
	}
}

func natSeconds(t *testing.T) time.Duration {
	text := os.Getenv("HOSTS_NAT_SECONDS")
	if text == "" {
		return 130 * time.Second
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds < 1 {
		t.Fatalf("HOSTS_NAT_SECONDS=%q is not a number of seconds", text)
	}
	return time.Duration(seconds) * time.Second
}

// count reads numbered beats to the end and tells of the first that is missing.
func count(r io.Reader) (beats, bytes int, gap string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		bytes += len(lines.Bytes()) + 1
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "beat %d", &n); err != nil {
			continue
		}
		if beats++; n != beats && gap == "" {
			gap = fmt.Sprintf("beat %d follows beat %d", n, beats-1)
		}
	}
	return beats, bytes, gap
}
