package engine

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/filters"

	"caravela/docker"
	"caravela/market"
)

// Labels on all that this package makes.
const (
	labelNetwork  = docker.LabelPrefix + "network"
	labelSupplier = docker.LabelPrefix + "supplier"
	labelOwner    = docker.LabelPrefix + "owner"
	labelLease    = docker.LabelPrefix + "lease"
	labelSpec     = docker.LabelPrefix + "spec"
	labelDigest   = docker.LabelPrefix + "digest" // of the image, as it was resolved
	labelKeep     = docker.LabelPrefix + "keep"   // on volumes that outlive their lease
)

// names makes the names of one scope.
type names struct {
	scope docker.Scope
	tag   string // 8 characters that differ between scopes
}

func newNames(s docker.Scope) names {
	return names{scope: s, tag: short(8, s.Network[:], s.Supplier[:])}
}

func (n names) container(l market.LeaseID) string {
	return fmt.Sprintf("caravela-%s-%s", hex.EncodeToString(l[:12]), n.tag)
}

func (n names) network(owner market.PeerID) string {
	return fmt.Sprintf("caravela-%s-%s", short(12, owner[:]), n.tag)
}

// bridge names fit into the kernel's 15 bytes. All of a scope's share the
// prefix, so that one iptables rule catches every tenant.
func (n names) bridge(owner market.PeerID) string { return n.bridges() + short(8, owner[:]) }

func (n names) bridges() string { return "cv" + n.tag[:5] }

// volume of a tenant. The owner is part of what is hashed: no name that
// another tenant can think of gives the same volume.
func (n names) volume(u *docker.Unit, m market.Mount) string {
	if m.Volume == "" {
		return n.volumeOf("lease", u.Lease[:], m.Target)
	}
	return n.volumeOf("owner", u.Owner[:], m.Volume)
}

func (n names) volumeOf(kind string, id []byte, name string) string {
	return "caravela-" + short(32, n.scope.Network[:], n.scope.Supplier[:], []byte(kind), id, []byte(name))
}

func (n names) labels() map[string]string {
	return map[string]string{
		labelNetwork:  n.scope.Network.String(),
		labelSupplier: n.scope.Supplier.String(),
	}
}

func (n names) tenantLabels(owner market.PeerID) map[string]string {
	m := n.labels()
	m[labelOwner] = owner.String()
	return m
}

// ours reports whether the labels are those of the scope.
func (n names) ours(labels map[string]string) bool {
	return labels[labelNetwork] == n.scope.Network.String() && labels[labelSupplier] == n.scope.Supplier.String()
}

// filter selects what has the scope's labels, and more of the form "key=value".
func (n names) filter(more ...string) filters.Args {
	f := filters.NewArgs()
	for k, v := range n.labels() {
		f.Add("label", k+"="+v)
	}
	for _, l := range more {
		f.Add("label", l)
	}
	return f
}

// short hashes parts, each with its length, into n lower-case characters.
func short(n int, parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(h.Sum(nil)))[:n]
}
