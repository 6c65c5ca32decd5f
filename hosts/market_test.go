//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"caravela/api"
)

// A market is nodes on the lab's hosts. Each test has one of its own: a node
// that was killed in one test must not be what fails the next.
type market struct {
	*testing.T
	ctx   context.Context
	nodes []*Node
}

const (
	settle = 60 * time.Second // most that the market may take to notice something
	small  = "cpus=2,memory=512m"
)

func newMarket(t *testing.T) *market {
	m := &market{T: t, ctx: t.Context()}
	t.Cleanup(m.close)
	return m
}

// create starts the first node, join one more.
func (m *market) create(h *Host, name string, flags ...string) *Node {
	m.Helper()
	return m.start(h, name, "create", flags...)
}

func (m *market) join(h *Host, name string, seed *Node, flags ...string) *Node {
	m.Helper()
	return m.start(h, name, "join "+seed.Host.Addr.String(), flags...)
}

func (m *market) start(h *Host, name, how string, flags ...string) *Node {
	m.Helper()
	n, err := h.StartNode(m.ctx, lab.caravela, name, how, flags...)
	if n != nil {
		m.nodes = append(m.nodes, n)
	}
	if err != nil {
		m.Fatal(err)
	}
	return n
}

// close ends the nodes and what they left in the engines.
func (m *market) close() {
	for _, n := range m.nodes {
		if m.Failed() {
			m.Logf("--- the log of %s ends with:\n%s", n.Name, n.LogTail(3000))
		}
		n.Kill()
		if err := os.RemoveAll(n.dir); err != nil {
			m.Error(err)
		}
	}
	for _, h := range lab.lab.hosts {
		if err := h.removeContainers(context.Background()); err != nil {
			m.Error(err)
		}
	}
}

func (m *market) must(n *Node, args ...string) string {
	m.Helper()
	out, err := n.Must(m.ctx, args...)
	if err != nil {
		m.Fatal(err)
	}
	return out
}

func (m *market) do(n *Node, args ...string) Said {
	m.Helper()
	said, err := n.Do(m.ctx, args...)
	if err != nil {
		m.Fatal(err)
	}
	return said
}

func (m *market) restart(n *Node) {
	m.Helper()
	if err := n.Restart(m.ctx); err != nil {
		m.Fatal(err)
	}
}

func (m *market) check(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// eventually fails the test if what does not hold in time.
func (m *market) eventually(what string, holds func() error) {
	m.Helper()
	if err := until(m.ctx, settle, func(context.Context) error { return holds() }); err != nil {
		m.Fatalf("%s: %v", what, err)
	}
}

// offered waits until n finds at least count offers.
func (m *market) offered(n *Node, count int) {
	m.Helper()
	m.eventually("the offers have arrived", func() error {
		found, err := n.Search(m.ctx, "--cpus", "0.1", "-m", "16m")
		if err == nil && len(found) < count {
			err = fmt.Errorf("%s finds %d offers, want %d", n.Name, len(found), count)
		}
		return err
	})
}

// container is how n sees the container of that name.
func (m *market) container(n *Node, name string) (api.Container, error) {
	all, err := n.Containers(m.ctx)
	if err != nil {
		return api.Container{}, err
	}
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
	}
	return api.Container{}, fmt.Errorf("%s does not list %s", n.Name, name)
}

func (m *market) inState(n *Node, name, state string) {
	m.Helper()
	m.eventually(name+" is "+state, func() error {
		c, err := m.container(n, name)
		if err == nil && c.State != state {
			err = fmt.Errorf("it is %s: %s", c.State, c.Detail)
		}
		return err
	})
}

// engineIDs is what the host's engine has, in one comparable string.
func (m *market) engineIDs(h *Host) string {
	m.Helper()
	ids, err := h.containerIDs(m.ctx)
	m.check(err)
	return strings.Join(ids, " ")
}

// page fetches what serves on the address, as a browser on h would.
func page(h *Host, host string, port int) (string, error) {
	answer, err := h.Browser().Get("http://" + net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && !strings.Contains(string(body), "It sails.") {
		err = fmt.Errorf("another page: %s", body)
	}
	return string(body), err
}

func (m *market) pageFrom(viewer, server *Host, port int) {
	m.Helper()
	m.eventually("the page answers", func() error {
		_, err := page(viewer, server.Addr.String(), port)
		return err
	})
}

// sellerOf names the node that runs the container.
func (m *market) sellerOf(buyer *Node, name string) *Node {
	m.Helper()
	c, err := m.container(buyer, name)
	m.check(err)
	for _, n := range m.nodes {
		if n.Name == c.NodeName {
			return n
		}
	}
	m.Fatalf("%s runs on %q, which is none of ours", name, c.NodeName)
	return nil
}
