package libp2p

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

// brief says in one line why a dial failed: each address and its reason.
// libp2p's own error has a line for each, in the words of four packages. The
// original stays wrapped.
func brief(err error) error {
	var dial *swarm.DialError
	if err == nil || !errors.As(err, &dial) {
		return err
	}
	var parts []string
	for _, e := range dial.DialErrors {
		parts = append(parts, fmt.Sprintf("%s: %s", e.Address, reason(e.Cause)))
	}
	if len(parts) == 0 {
		parts = append(parts, reason(dial.Cause))
	}
	return briefly{strings.Join(parts, "; "), err}
}

func reason(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "no reason given"
	case errors.Is(err, swarm.ErrNoAddresses), errors.Is(err, swarm.ErrNoGoodAddresses):
		return "no address is known that may be dialled"
	case errors.Is(err, swarm.ErrDialBackoff):
		return "failed a moment ago"
	case errors.Is(err, swarm.ErrGaterDisallowedConnection):
		return "refused here: denied, penalised, or not of this network's kind"
	case errors.As(err, &errno):
		return errno.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer"
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text[:min(len(text), 120)]
}

type briefly struct {
	text string
	err  error
}

func (b briefly) Error() string { return b.text }
func (b briefly) Unwrap() error { return b.err }
