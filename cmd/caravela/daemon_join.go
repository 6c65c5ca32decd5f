package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"caravela/configuration"
	"caravela/market"
	"caravela/node/identity"
	"caravela/node/invite"
	"caravela/overlay"
	"caravela/remote"
	"caravela/remote/libp2p"
)

// Waiting times of joining.
const (
	fetchTimeout = 15 * time.Second
	checkTimeout = 4 * time.Second // where the network is known already
)

// membership is a node on its way into a network.
type membership struct {
	cfg  configuration.Config
	mode startMode
	dir  *identity.Dir
	key  ed25519.PrivateKey
	log  *slog.Logger

	host      *libp2p.Host
	network   *identity.Network
	bootstrap []overlay.Peer
	listen    []string
}

// enter finds out which network the node is in, or makes one, and brings the
// transport up.
func (m *membership) enter(ctx context.Context) error {
	known, err := m.dir.Network()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch {
	case known != nil:
		return m.resume(ctx, known)
	case m.mode.kind == startCreate:
		return m.create()
	case m.mode.kind == startJoin:
		return m.join(ctx)
	}
	return advise(fmt.Errorf("%s belongs to no network yet", m.dir.Path()), "caravela create, or caravela join ADDRESS")
}

// create founds a network.
func (m *membership) create() error {
	ring := market.NewKeyring(m.key)
	g := market.Genesis{Name: m.mode.network, Creator: ring.Self(), Created: market.Wall(time.Now().UnixMilli()), Private: m.mode.private}
	if g.Name == "" {
		g.Name = "caravela"
	}
	_, _ = rand.Read(g.Nonce[:]) // never fails
	n := &identity.Network{SignedNetwork: ring.Found(g, market.DefaultParams)}
	if m.mode.private {
		n.PSK = make([]byte, 32)
		_, _ = rand.Read(n.PSK) // never fails
	}
	return m.settle(n)
}

// settle brings the transport up and, once it has bound its addresses, makes
// the data directory belong to the network.
func (m *membership) settle(n *identity.Network) (err error) {
	if m.host, err = m.newHost(n.PSK, n.Open); err != nil {
		return err
	}
	m.network = n
	if err := m.dir.SaveNetwork(n); err != nil {
		shut(m.host)
		return err
	}
	return nil
}

// join obtains the configuration from the target, checks it, and believes it.
func (m *membership) join(ctx context.Context) error {
	target, token, err := m.target()
	if err != nil {
		return err
	}
	if m.host, err = m.newHost(token.PSK, token.ID != ""); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	got, conf, err := m.fetch(ctx, target, token)
	if err == nil {
		err = m.believe(got, conf, token)
	}
	if err != nil {
		shut(m.host)
	}
	if token.ID == "" && errors.Is(err, remote.ErrUnreachable) {
		err = advise(err, "look at that machine's `caravela status`; from another network, and into a private one, a token is needed: caravela token create")
	}
	return err
}

func (m *membership) believe(got remote.Configuration, conf *invite.Configuration, token invite.Token) error {
	if token.ID == "" && !got.Pinned {
		m.log.Info("joining on trust: nothing but the address says that this is the right network; a token would prove it",
			"network", conf.Network.ID().Short(), "by", got.From.ID.Short())
	}
	m.network = &identity.Network{SignedNetwork: conf.Network, PSK: token.PSK, Open: token.ID != ""}
	m.bootstrap = append(m.bootstrap, overlay.Peer(got.From))
	for _, p := range conf.Peers {
		if p.Peer != got.From.ID && p.Peer != m.host.Self().ID {
			m.bootstrap = append(m.bootstrap, overlay.Peer{ID: p.Peer, Addrs: p.Addrs})
		}
	}
	return m.dir.SaveNetwork(m.network)
}

// target is whom to ask: what the user typed, or a token's issuer.
func (m *membership) target() (string, invite.Token, error) {
	if !invite.IsToken(m.mode.target) {
		_, err := remote.ParseTarget(m.mode.target)
		return m.mode.target, invite.Token{}, err
	}
	t, err := invite.Parse(m.mode.target)
	switch {
	case err != nil:
		return "", t, err
	case !t.Expires.IsZero() && time.Now().After(t.Expires):
		return "", t, advise(fmt.Errorf("the token expired on %s", t.Expires.Format(time.RFC3339)), "ask for a new one: caravela token create")
	case len(t.Issuer.Addrs) == 0:
		return "", t, advise(errors.New("the token names no address"), "ask for a new one: caravela token create")
	}
	return "", t, nil
}

// fetch asks what the user typed, or a token's issuer at all its addresses at
// once: some may be of networks that this machine is not in.
func (m *membership) fetch(ctx context.Context, target string, t invite.Token) (got remote.Configuration, conf *invite.Configuration, err error) {
	if t.ID == "" {
		got, err = m.host.FetchConfiguration(ctx, target, "")
	} else {
		issuer := remote.Target{Addrs: t.Issuer.Addrs, ID: t.Issuer.Peer, Known: true}
		if got, err = m.host.FetchConfigurationFrom(ctx, issuer, t.Proof()); err != nil {
			err = fmt.Errorf("join by the token: %w", err)
		}
	}
	if err != nil {
		return got, nil, err
	}
	conf, err = invite.Open(got.Data, t.Network)
	return got, conf, err
}

// resume goes on in the network that the data directory belongs to. With
// `join` the target must not be another one, as far as it answers.
func (m *membership) resume(ctx context.Context, known *identity.Network) (err error) {
	m.network = known
	opens := m.mode.kind == startJoin && invite.IsToken(m.mode.target) && !known.Open
	known.Open = known.Open || opens
	if m.host, err = m.newHost(known.PSK, known.Open); err != nil {
		return err
	}
	if m.mode.kind == startJoin {
		err = m.checkTarget(ctx)
	}
	if err == nil && opens {
		err = m.dir.SaveNetwork(known)
	}
	if err != nil {
		shut(m.host)
	}
	return err
}

func (m *membership) checkTarget(ctx context.Context) error {
	other := func(id market.NetworkID) error {
		return advise(fmt.Errorf("%s belongs to network %s, and %s is in network %s", m.dir.Path(), m.network.ID().Short(), m.mode.target, id.Short()),
			"caravela serve to go on in the old one; or caravela leave first; or another --data-dir")
	}
	target, token, err := m.target()
	if err != nil {
		return err
	}
	if token.ID != "" && token.Network != m.network.ID() {
		return other(token.Network)
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, conf, err := m.fetch(ctx, target, token)
	switch {
	case err != nil:
		m.log.Warn("the node to join does not answer; going on with the peers that are known", "error", err)
		return nil
	case conf.Network.ID() != m.network.ID():
		return other(conf.Network.ID())
	}
	return m.remember(conf)
}

// remember adds the configuration's peers to those that are known.
func (m *membership) remember(conf *invite.Configuration) error {
	known, err := m.dir.Peers()
	if err != nil {
		return err
	}
	for _, p := range conf.Peers {
		known = append(known, identity.Known{ID: p.Peer.String(), Addrs: p.Addrs, Seen: time.Now().UTC()})
	}
	return m.dir.SavePeers(known)
}

// tellReady tells the user who runs here now.
func (m *membership) tellReady(mode startMode) {
	if mode.ready == nil {
		return
	}
	self := m.host.Self()
	mode.ready(readyNode{
		ID: self.ID.String(), Name: m.cfg.Node.Name, NetworkID: m.network.ID().String(), Network: m.network.Genesis.Name,
		Join: joinTexts(self.Addrs), API: m.cfg.API.Addresses, Private: m.network.Genesis.Private,
	})
}
