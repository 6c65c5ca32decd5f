package libp2p

import (
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

var (
	errRate = errors.New("libp2p: over the peer's rate")
	errRoom = errors.New("libp2p: no free handler")
)

// admission bounds what peers can make this node do at once and a second.
type admission struct {
	limits   limits
	messages chan struct{} // one token a running handler
	streams  chan struct{}
	dials    chan struct{} // dialbacks for others

	mu       sync.Mutex
	accounts map[peer.ID]*account // bounded by maxAccounts
}

// account is what one peer has used up.
type account struct {
	rate    *rate.Limiter
	active  int       // handlers that run for it
	strikes int       // malformed messages since strikesFrom
	since   time.Time // of the first strike
	seen    time.Time
	dialled time.Time // last dialback for it
	direct  time.Time // last attempt to do without a relay
}

const (
	maxAccounts = 8192
	maxStrikes  = 8 // malformed messages within a minute
)

func newAdmission(l limits) *admission {
	return &admission{
		limits:   l,
		messages: make(chan struct{}, l.handlers),
		streams:  make(chan struct{}, l.streams),
		dials:    make(chan struct{}, dialbacks),
		accounts: make(map[peer.ID]*account),
	}
}

// enter takes a place in room; leave gives it back.
func (a *admission) enter(p peer.ID, room chan struct{}, now time.Time) (leave func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.account(p, now)
	if c.active >= a.limits.perPeer || !c.rate.AllowN(now, 1) {
		return nil, errRate
	}
	select {
	case room <- struct{}{}:
	default:
		return nil, errRoom
	}
	c.active++
	return func() {
		<-room
		a.mu.Lock()
		defer a.mu.Unlock()
		c.active--
	}, nil
}

// strike counts a malformed message and reports whether that was one too many.
func (a *admission) strike(p peer.ID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.account(p, now)
	if now.Sub(c.since) > time.Minute {
		c.strikes, c.since = 0, now
	}
	c.strikes++
	if c.strikes < maxStrikes {
		return false
	}
	c.strikes = 0
	return true
}

// mayDial allows a peer one dialback every dialbackEvery.
func (a *admission) mayDial(p peer.ID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.account(p, now)
	if now.Sub(c.dialled) < dialbackEvery {
		return false
	}
	c.dialled = now
	return true
}

// mayStraighten allows an attempt a minute.
func (a *admission) mayStraighten(p peer.ID, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := a.account(p, now)
	if now.Sub(c.direct) < time.Minute {
		return false
	}
	c.direct = now
	return true
}

func (a *admission) account(p peer.ID, now time.Time) *account {
	c := a.accounts[p]
	if c == nil {
		if len(a.accounts) >= maxAccounts {
			a.forget(now)
		}
		c = &account{rate: rate.NewLimiter(a.limits.rate, a.limits.burst)}
		a.accounts[p] = c
	}
	c.seen = now
	return c
}

// forget makes room for new accounts, a quarter at a time: idle ones go,
// those unseen for a minute, whose buckets are full again, before others.
func (a *admission) forget(now time.Time) {
	const keep = maxAccounts * 3 / 4
	for _, idle := range []time.Duration{time.Minute, 0} {
		for p, c := range a.accounts {
			if len(a.accounts) > keep && c.active == 0 && now.Sub(c.seen) >= idle {
				delete(a.accounts, p)
			}
		}
	}
}
