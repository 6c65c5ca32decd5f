package identity

import (
	"errors"
	"fmt"
	"io/fs"

	"caravela/market"
)

// Sale is what a user has told a running node about what it sells, beyond its
// configuration.
type Sale struct {
	Paused bool
	Reason string        // of the pause
	Price  *market.Price // nil = as configured
}

type saleJSON struct {
	Paused bool   `json:"paused"`
	Reason string `json:"reason,omitempty"`
	Price  string `json:"price,omitempty"` // as the market writes prices
}

// Sale returns what was saved; the zero value where nothing was.
func (d *Dir) Sale() (Sale, error) {
	var j saleJSON
	if err := d.load(saleFile, &j); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return Sale{}, err
	}
	s := Sale{Paused: j.Paused, Reason: j.Reason}
	if j.Price == "" {
		return s, nil
	}
	p, err := market.ParsePrices(j.Price)
	if err != nil {
		return Sale{}, fmt.Errorf("%w: %s: %w; remove it to sell as configured", ErrDamaged, d.File(saleFile), err)
	}
	s.Price = &p
	return s, nil
}

// SaveSale replaces what was saved.
func (d *Dir) SaveSale(s Sale) error {
	j := saleJSON{Paused: s.Paused, Reason: s.Reason}
	if s.Price != nil {
		j.Price = s.Price.String()
	}
	return d.save(saleFile, j)
}

type webhookJSON struct {
	Told uint64 `json:"told"`
}

// Told is the number of the newest event that the webhook need not be told of
// any more; 0 where nothing was saved.
func (d *Dir) Told() (uint64, error) {
	var j webhookJSON
	if err := d.load(webhookFile, &j); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return j.Told, nil
}

// SaveTold replaces what Told returns.
func (d *Dir) SaveTold(seq uint64) error { return d.save(webhookFile, webhookJSON{seq}) }
