package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"caravela/api"
	"caravela/market"
	"caravela/node/loop"
	"caravela/overlay"
	"caravela/remote"
)

// Waiting times of a node's life.
const (
	joinTimeout  = 20 * time.Second
	goodbyeTime  = 2 * time.Second // for the last messages to leave
	stopTimeout  = 8 * time.Second // for what runs beside the loop
	upkeepFirst  = time.Second
	upkeepEvery  = 30 * time.Second
	janitorEvery = time.Minute
)

// Node is one running peer. It is the Backend of its API and the Handler of
// its transport. Make it with New, run it with Serve.
type Node struct {
	cfg   Config
	self  market.PeerID
	log   *slog.Logger
	loop  *loop.Loop
	board *board
	fx    *effects
	crew  crew

	requests *requests
	feed     *feed
	stats    *stats
	seen     *seen
	tokens   tokens
	sale     sale
	events   eventLog
	webhook  webhook
	chains   chains

	logs    sync.RWMutex  // locked by who thins the ledger, read-locked by who reads all of a log
	trouble chan struct{} // the engine has problems
	keeping sync.Mutex
	kept    []market.Ref // the known peers as they were saved last

	started time.Time
	ready   chan struct{} // closed when the node is in its network
	left    chan struct{} // closed when the user's leave is done
	once    sync.Once     // closes left

	mu     sync.Mutex
	state  api.NodeState
	engine engineView
	opened bool // by a token: deals with peers on public addresses
}

var (
	_ api.Backend    = (*Node)(nil)
	_ remote.Handler = (*Node)(nil)
)

// New makes a node of its parts and loads its records. Errors of the
// configuration wrap ErrBadConfig.
func New(ctx context.Context, cfg Config) (*Node, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	n := &Node{
		cfg: cfg, self: cfg.Transport.Self().ID, log: cfg.Log, board: newBoard(),
		requests: newRequests(), feed: newFeed(), stats: newStats(), seen: newSeen(),
		started: time.Now(), ready: make(chan struct{}), left: make(chan struct{}), trouble: make(chan struct{}, 1), state: api.NodeStarting,
		opened: cfg.Network.Open,
	}
	if n.cfg.Sale.Terms.Interval == 0 {
		t := &n.cfg.Sale.Terms
		t.Interval, t.Bear, t.Grace, t.Notice = market.DefaultInterval, market.DefaultBear, market.DefaultGrace, market.DefaultNotice
	}
	n.crew.ctx = ctx
	n.fx = newEffects(n, &n.crew)
	n.loop = loop.New(cfg.Peer, timed{cfg.Store, n.stats}, n.fx)
	n.engine.detail = "not asked yet"
	return n, n.recall()
}

// recall reads what the data directory keeps beside leases and identity.
func (n *Node) recall() error {
	n.events.path = n.cfg.Dir.File("events.jsonl")
	past, err := n.events.load()
	n.feed.fill(past)
	return errors.Join(err, n.tokens.open(n.cfg.Dir), n.sale.open(&n.cfg), n.webhook.open(n))
}

// Ready is closed when the node is in its network.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Serve runs the node until ctx ends or its user has it leave, which both
// return nil, or until it cannot go on. Then the error says why; nothing that
// was promised is lost, and Serve of a new Node goes on where this one ended.
func (n *Node) Serve(ctx context.Context) error {
	records, err := n.cfg.Store.Load()
	if err != nil {
		return err
	}
	n.board.fill(records)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	n.crew.ctx = life
	if err := n.cfg.Transport.Serve(n.cfg.Network.ID(), n); err != nil {
		return fmt.Errorf("serve the network: %w", err)
	}
	ended := make(chan error, 1)
	n.crew.run(func(ctx context.Context) { ended <- n.loop.Run(ctx, market.Boot{Records: records}) })
	n.crew.run(n.watchOverlay)
	n.crew.run(n.keepEvents)
	if n.cfg.Webhook.URL != "" {
		n.crew.run(n.webhook.run)
	}
	err = n.enter(ctx)
	if err == nil {
		n.crew.run(n.recheck)
		n.post(life, market.Joined{Members: overlay.Crowd(n.cfg.Overlay.Neighbours(), n.cfg.Overlay.NodeID())})
		n.crew.run(n.watchEngine) // no earlier: with the engine comes the offer, which needs the overlay
		n.setState(api.NodeReady)
		close(n.ready)
		n.happened(api.Event{Type: "node", Action: "ready"})
		n.crew.run(n.upkeep)
		n.crew.run(n.janitor)
		if n.cfg.Keep > 0 {
			n.crew.run(n.retention)
		}
		if n.cfg.Engine != nil && len(n.cfg.PriceCommand) > 0 {
			n.crew.run(n.followPrice)
		}
		select {
		case err = <-ended:
		case <-n.left:
		case <-ctx.Done():
		}
	}
	return errors.Join(err, n.stop(end))
}

// enter joins the network through the members that are known, or begins it.
func (n *Node) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if peers := n.cfg.Bootstrap; len(peers) > 0 {
		err := n.cfg.Overlay.Join(ctx, peers)
		if err != nil && ctx.Err() == nil || errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("join the network through %d peers: %w", len(peers), err)
		}
		return err
	}
	known := n.knownPeers()
	if len(known) > 0 {
		err := n.cfg.Overlay.Join(ctx, known)
		if err == nil {
			return nil
		}
		n.log.Warn("no peer that was known answers; upkeep will try them again", "peers", len(known), "error", err)
	}
	if err := n.cfg.Overlay.Create(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, overlay.ErrStarted) {
		return fmt.Errorf("begin the network: %w", err)
	}
	return nil
}

// stop takes the offer back, so that nobody is sent here in vain, and ends
// all that runs. Containers and leases stay.
func (n *Node) stop(end context.CancelFunc) error {
	n.setState(api.NodeLeaving)
	select {
	case <-n.left: // goodbye was said, and the network forgotten
	default:
		n.saveKnownPeers()
		n.goodbye(market.Leave{})
	}
	ctx, cancel := context.WithTimeout(n.crew.ctx, goodbyeTime)
	err := n.cfg.Overlay.Leave(ctx)
	cancel()
	end()
	if !n.crew.wait(stopTimeout) {
		n.log.Warn("some work has not ended in time")
	}
	if err != nil {
		return fmt.Errorf("leave the overlay: %w", err)
	}
	return nil
}

// goodbye lets the machine take leave, and waits until the offer is withdrawn
// and all messages have gone.
func (n *Node) goodbye(leave market.Leave) {
	ctx, cancel := context.WithTimeout(n.crew.ctx, goodbyeTime)
	defer cancel()
	if n.loop.Post(ctx, leave) != nil {
		return
	}
	for said := false; !said || n.fx.mail.pending.Load() > 0; {
		err := n.loop.Do(ctx, func(market.Time) { said = n.cfg.Peer.OwnOffer().Offer == nil })
		if err != nil || !pause(ctx, 5*time.Millisecond) {
			return
		}
	}
}

// stopError is for those who wait while the node ends. It is called once the
// loop has ended.
func (n *Node) stopError() error {
	if err := n.loop.Err(); err != nil {
		return api.Errorf(api.CodeNotReady, "the node had to stop: %v", err).WithNext("caravela serve, once that is repaired")
	}
	return api.Errorf(api.CodeNotReady, "the node stops").WithNext("caravela status")
}

// stopping translates the loop's end for the API.
func (n *Node) stopping(err error) error {
	if errors.Is(err, loop.ErrStopped) {
		return n.stopError()
	}
	return err
}

// inNetwork refuses what needs a market before there is one.
func (n *Node) inNetwork() error {
	if n.stateNow() == api.NodeStarting {
		return api.Errorf(api.CodeNotReady, "the node is not in its network yet").WithNext("caravela status")
	}
	return nil
}

func (n *Node) setState(s api.NodeState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
}

func (n *Node) stateNow() api.NodeState {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

// upkeep does from time to time what nothing else causes: more often at first,
// since whoever has just come knows few, and may be gone again soon.
func (n *Node) upkeep(ctx context.Context) {
	for wait := upkeepFirst; pause(ctx, wait); wait = min(2*wait, upkeepEvery) {
		n.supply(ctx)
		n.saveKnownPeers()
		n.reconnect()
	}
}
