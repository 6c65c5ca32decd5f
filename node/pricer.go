package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"caravela/api"
	"caravela/market"
)

// Bounds of the price command: it belongs to the node's owner, and may hang or
// babble all the same.
const (
	priceEvery   = 30 * time.Second
	priceTimeout = 2 * time.Second
	priceLook    = 50 * time.Millisecond
	maxPriceText = 4 << 10
)

// situation is what the price command is told, in JSON on its standard input.
type situation struct {
	Total  api.Resources `json:"total"`
	Leased api.Resources `json:"leased"`
	Units  int           `json:"units"`
	Peers  int           `json:"peers"`
	Price  priceText     `json:"price"` // in force
}

// priceText is a price as the command reads and writes it: decimal numbers,
// exact to six places.
type priceText struct {
	Unit   string      `json:"unit"`
	Core   json.Number `json:"core"`
	Memory json.Number `json:"memory"`
	Disk   json.Number `json:"disk"`
	Parked json.Number `json:"parked"`
	Start  json.Number `json:"start"`
}

func priceTextOf(p market.Price) priceText {
	number := func(m market.Micro) json.Number { return json.Number(m.String()) }
	return priceText{p.Unit, number(p.Core), number(p.Memory), number(p.Disk), number(p.Parked), number(p.Start)}
}

func (t priceText) market() (market.Price, error) {
	p := market.Price{Unit: t.Unit}
	for _, part := range []struct {
		name string
		text json.Number
		rate *market.Micro
	}{
		{"core", t.Core, &p.Core}, {"memory", t.Memory, &p.Memory}, {"disk", t.Disk, &p.Disk}, {"parked", t.Parked, &p.Parked}, {"start", t.Start, &p.Start},
	} {
		if part.text == "" {
			continue
		}
		m, err := market.ParseMicro(part.text.String())
		if err != nil {
			return p, fmt.Errorf("%s: %w", part.name, err)
		}
		*part.rate = m
	}
	switch {
	case p.IsFree():
		p.Unit = ""
	case p.Unit == "":
		p.Unit = defaultUnit
	}
	return p, p.Validate()
}

// followPrice asks the price command from time to time. One that fails leaves
// the last price as it is.
func (n *Node) followPrice(ctx context.Context) {
	for !n.engineSeen() && pause(ctx, priceLook) {
		continue // what there is to sell is not known yet
	}
	for ok := ctx.Err() == nil; ok; ok = pause(ctx, priceEvery) {
		p, err := n.askPrice(ctx)
		if ctx.Err() != nil {
			return
		}
		n.priced(p, err)
		n.supply(ctx)
	}
}

func (n *Node) engineSeen() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.engine.tried
}

// priced keeps what the command said, and tells of what is new.
func (n *Node) priced(p market.Price, err error) {
	changed := false
	failure := ""
	if err != nil {
		failure = clip(err.Error(), market.MaxDetail)
	}
	s := &n.sale
	s.mu.Lock()
	news := failure != s.failure
	s.failure, s.waits = failure, s.waits && n.cfg.Sale.Terms.Price.IsFree()
	if err == nil && (s.command == nil || *s.command != p) {
		s.command, changed = &p, true
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		n.stats.priceFailures.Add(1)
		if news {
			n.log.Warn("the price command failed; the price stays as it was", "error", failure)
			n.happened(api.Event{Type: "offer", Action: "price-failed", Detail: failure})
		}
	case changed:
		n.happened(api.Event{Type: "offer", Action: "price", Detail: p.String()})
	}
}

// askPrice runs the command once.
func (n *Node) askPrice(ctx context.Context) (market.Price, error) {
	now, _ := n.sale.price(n.cfg.Sale.Terms.Price)
	in, err := json.Marshal(situation{
		Total: api.ResourcesOf(n.stock().Stock.Total), Leased: api.ResourcesOf(n.leasedOut()), Units: len(n.guests()),
		Peers: len(n.cfg.Transport.Peers()), Price: priceTextOf(now),
	})
	if err != nil {
		return market.Price{}, err
	}
	out, err := runPriceCommand(ctx, n.cfg.PriceCommand, in)
	if err != nil {
		return market.Price{}, err
	}
	var t priceText
	d := json.NewDecoder(bytes.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return market.Price{}, fmt.Errorf("the price command's answer %q is no price such as {\"core\": 0.02, \"unit\": \"credit\"}: %w", foreign(string(out), 100), err)
	}
	p, err := t.market()
	if err != nil {
		return p, fmt.Errorf("the price command's answer: %s", plainMarket(err))
	}
	return p, nil
}

// runPriceCommand returns what the command prints, in time and within bounds;
// what it has started beside itself ends with it.
func runPriceCommand(ctx context.Context, argv []string, in []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, priceTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	out, errs := &bounded{max: maxPriceText}, &bounded{max: 256}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Dir = bytes.NewReader(in), out, errs, "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	}
	switch {
	case out.over:
		return nil, fmt.Errorf("the price command %s printed more than %d bytes", argv[0], maxPriceText)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("the price command %s did not answer within %v", argv[0], priceTimeout)
	case err != nil && errs.kept.Len() > 0:
		return nil, fmt.Errorf("the price command %s failed: %w: %s", argv[0], err, foreign(errs.kept.String(), 256))
	case err != nil:
		return nil, fmt.Errorf("the price command %s failed: %w", argv[0], err)
	}
	return out.kept.Bytes(), nil
}

// bounded keeps the beginning of what is written to it. It has no other way
// in: a ReadFrom would know no bound.
type bounded struct {
	kept bytes.Buffer
	max  int
	over bool
}

// Write implements io.Writer. It takes all, so that the writer is not killed
// by what nobody reads.
func (b *bounded) Write(p []byte) (int, error) {
	room := b.max - b.kept.Len()
	b.over = b.over || len(p) > room
	_, _ = b.kept.Write(p[:min(len(p), room)]) // never fails
	return len(p), nil
}
