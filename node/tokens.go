package node

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"caravela/node/identity"
	"caravela/node/invite"
)

// maxTokens bounds the tokens that a node keeps.
const maxTokens = 1024

// tokens are the join tokens that this node gave out.
type tokens struct {
	mu  sync.Mutex
	dir *identity.Dir
	all []identity.Token
}

func (t *tokens) open(dir *identity.Dir) (err error) {
	t.dir = dir
	t.all, err = dir.Tokens()
	return err
}

func (t *tokens) list() []identity.Token {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.all)
}

func (t *tokens) add(tok identity.Token) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) >= maxTokens {
		return fmt.Errorf("%d tokens exist already; remove some (caravela token rm)", len(t.all))
	}
	return t.replace(append(slices.Clone(t.all), tok))
}

// remove deletes a token and reports whether there was one.
func (t *tokens) remove(id string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(t.all), func(k identity.Token) bool { return k.ID == id })
	if len(rest) == len(t.all) {
		return false, nil
	}
	return true, t.replace(rest)
}

// use lets the holder of a proof in, or says why not.
func (t *tokens) use(proof string, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Clone(t.all)
	i := slices.IndexFunc(all, func(k identity.Token) bool { return k.ID == invite.IDOf(proof) })
	switch {
	case i < 0 || !invite.Proves(proof, all[i].Hash):
		return errors.New("this token is not known here, or was removed: ask for a new one")
	case !all[i].Expires.IsZero() && now.After(all[i].Expires):
		return fmt.Errorf("this token expired on %s: ask for a new one", all[i].Expires.Format(time.RFC3339))
	case all[i].MaxUses > 0 && all[i].Uses >= all[i].MaxUses:
		return fmt.Errorf("this token was used %d times, as often as it may be: ask for a new one", all[i].Uses)
	}
	all[i].Uses++
	return t.replace(all)
}

func (t *tokens) replace(all []identity.Token) error {
	if err := t.dir.SaveTokens(all); err != nil {
		return fmt.Errorf("keep the tokens: %w", err)
	}
	t.all = all
	return nil
}
