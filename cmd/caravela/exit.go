package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"caravela/api"
)

// Exit codes, beside those of a container in the foreground.
const (
	codeError       = 1
	codeNothing     = 2 // nothing fits, nothing to place
	codeNotPlaced   = 125
	codeNotInvoked  = 126
	codeNotFound    = 127
	codeInterrupted = 130
)

// exitError carries an exit code, and an error to report unless it is nil.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitWith ends the program with a code. Nothing is reported for a nil error.
func exitWith(code int, err error) error { return &exitError{code, err} }

// codeOf maps an error to the exit code of the program.
func codeOf(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case api.CodeOf(err) == api.CodeNoOffer:
		return codeNothing
	}
	return codeError
}

// advice is an error with the next command to try.
type advice struct {
	error
	next string
}

func (a *advice) Unwrap() error { return a.error }

func advise(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &advice{err, fmt.Sprintf(format, args...)}
}

// report writes an error as the user is to read it: what failed and why, then
// what to try.
func report(w io.Writer, err error) {
	var exit *exitError
	if errors.As(err, &exit) && exit.err == nil {
		return
	}
	var problem *api.Error
	isProblem := errors.As(err, &problem)
	if !isProblem || problem.WhyNot == nil || !strings.HasPrefix(problem.Error(), noOfferFits) {
		_, _ = fmt.Fprintf(w, "caravela: %s\n", harmless(plainWords(err), "\n\t"))
	}
	if isProblem {
		if problem.WhyNot != nil {
			writeWhyNot(w, problem.WhyNot)
		}
		for _, m := range problem.Matches {
			_, _ = fmt.Fprintf(w, "  %s\n", printable(m))
		}
	}
	if next := nextOf(err); next != "" {
		_, _ = fmt.Fprintf(w, "try: %s\n", printable(next))
	}
}

// plainWords is an error's text without the names of packages that sentinels
// begin with: they say nothing to a user.
func plainWords(err error) string {
	text := ": " + err.Error()
	for _, name := range []string{"caravela", "api", "buyer", "docker", "identity", "invite", "ledger", "market", "node", "overlay", "remote", "store", "supplier"} {
		text = strings.ReplaceAll(text, ": "+name+": ", ": ")
	}
	return strings.TrimPrefix(text, ": ")
}

// nextOf finds the advice nearest to the user.
func nextOf(err error) string {
	var own *advice
	if errors.As(err, &own) {
		return own.next
	}
	var problem *api.Error
	if !errors.As(err, &problem) {
		return ""
	}
	if problem.Next != "" {
		return problem.Next
	}
	return nextByCode(problem)
}

func nextByCode(e *api.Error) string {
	switch e.Code {
	case api.CodeNotFound:
		return "caravela ps -a"
	case api.CodeAmbiguous:
		return "a longer prefix, or the full name"
	case api.CodeNoOffer:
		return "caravela market explain ... with the same flags, or --wait-for-offer 30m"
	case api.CodeEngineDown, api.CodeNotReady, api.CodeUnreachable:
		return "caravela doctor"
	case api.CodeBusy, api.CodeCancelled:
		return "the same command again, or with a longer --timeout"
	case api.CodeUnauthorized:
		return "CARAVELA_API_TOKEN=<token> caravela ... ; the token lies in the node's data directory"
	}
	return ""
}

// interrupted reports whether the user ended the command.
func interrupted(ctx context.Context, err error) bool {
	var exit *exitError
	return ctx.Err() != nil && !errors.As(err, &exit)
}

// eachOf runs f over all args and goes on after failures, each of which is
// reported at once; the last one decides the exit code.
func (a *app) eachOf(ctx context.Context, args []string, f func(string) error) error {
	var failed error
	for _, arg := range args {
		err := f(arg)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil || len(args) == 1:
			return err
		}
		report(a.err, fmt.Errorf("%s: %w", arg, err))
		failed = err
	}
	if failed == nil {
		return nil
	}
	return exitWith(codeOf(failed), nil)
}
