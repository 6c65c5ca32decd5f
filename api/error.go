package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"caravela/market"
)

// Code says what kind of failure an Error is. The set is closed: a client may
// branch on it.
type Code string

// The codes, with the HTTP status that carries each.
const (
	CodeInvalid      Code = "invalid"      // 400: the request cannot be right
	CodeUnauthorized Code = "unauthorized" // 401: no token, a wrong one, or not over this listener
	CodeNotOwner     Code = "not_owner"    // 403: the lease belongs to somebody else
	CodeNotFound     Code = "not_found"    // 404: nothing has that name
	CodeMethod       Code = "method"       // 405: the path exists, the method does not
	CodeAmbiguous    Code = "ambiguous"    // 409: several things have that prefix
	CodeConflict     Code = "conflict"     // 409: not in this state
	CodeTooLarge     Code = "too_large"    // 413: over a bound on size
	CodeNoOffer      Code = "no_offer"     // 422: nothing fits; WhyNot says why
	CodeBusy         Code = "busy"         // 429: over a limit; try again
	CodeInternal     Code = "internal"     // 500: a defect; details are in the node's log
	CodeUnsupported  Code = "unsupported"  // 501: known, and not done here
	CodeUnreachable  Code = "unreachable"  // 502: the other node does not answer
	CodeEngineDown   Code = "engine_down"  // 503: the container engine does not answer
	CodeNotReady     Code = "not_ready"    // 503: the node is starting or leaving
	CodeCancelled    Code = "cancelled"    // 504: the deadline passed or the caller left
)

// codes is the one table of codes, statuses and titles.
var codes = []struct {
	code   Code
	status int
	title  string
}{
	{CodeInvalid, http.StatusBadRequest, "the request cannot be right"},
	{CodeUnauthorized, http.StatusUnauthorized, "not allowed"},
	{CodeNotOwner, http.StatusForbidden, "not the owner"},
	{CodeNotFound, http.StatusNotFound, "not found"},
	{CodeMethod, http.StatusMethodNotAllowed, "method not allowed"},
	{CodeAmbiguous, http.StatusConflict, "ambiguous name"},
	{CodeConflict, http.StatusConflict, "not possible in this state"},
	{CodeTooLarge, http.StatusRequestEntityTooLarge, "too large"},
	{CodeNoOffer, http.StatusUnprocessableEntity, "no offer fits"},
	{CodeBusy, http.StatusTooManyRequests, "busy"},
	{CodeInternal, http.StatusInternalServerError, "internal error"},
	{CodeUnsupported, http.StatusNotImplemented, "not supported"},
	{CodeUnreachable, http.StatusBadGateway, "node does not answer"},
	{CodeEngineDown, http.StatusServiceUnavailable, "container engine down"},
	{CodeNotReady, http.StatusServiceUnavailable, "node not ready"},
	{CodeCancelled, http.StatusGatewayTimeout, "cancelled"},
}

// Error is a failure that the user can read: RFC 9457 problem+json, with two
// members of our own that say what kind it is and what to type next.
type Error struct {
	Type   string        `json:"type"`             // "about:blank": Code tells the kind
	Title  string        `json:"title"`            // the code in words
	Status int           `json:"status"`           // the HTTP status
	Code   Code          `json:"code"`             // what to branch on
	Detail string        `json:"detail"`           // what failed and why
	Next   string        `json:"next,omitzero"`    // the next command to try
	WhyNot *SearchResult `json:"why_not,omitzero"` // with CodeNoOffer
	// Matches are the candidates, with CodeAmbiguous.
	Matches []string `json:"matches,omitzero"`
}

// Error returns the detail, or the title where there is none.
func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return e.complete().Title
}

// Is reports whether target is an *Error of the same code and nothing else, so
// that errors.Is(err, &Error{Code: CodeNotFound}) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Detail == ""
}

// Errorf makes an Error with a detail.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// WithNext sets the next command to try and returns e.
func (e *Error) WithNext(format string, args ...any) *Error {
	e.Next = fmt.Sprintf(format, args...)
	return e
}

// CodeOf returns the code of an error that came from a Backend; CodeInternal
// for what is not an *Error, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return asError(err).Code
}

// CodeOfReason maps a supplier's reason to the code of the failed request.
func CodeOfReason(r market.Reason) Code {
	switch r {
	case market.NoCapacity, market.PortTaken, market.ImageRefused, market.PlatformRefused, market.LabelRefused,
		market.NotSelling, market.TooLong, market.PriceChanged, market.PriceTooHigh, market.OverCredit, market.Blocked:
		return CodeNoOffer
	case market.EngineDown, market.DiskFull:
		return CodeEngineDown
	case market.Busy:
		return CodeBusy
	case market.NotOwner:
		return CodeNotOwner
	case market.NoSuchLease, market.NoSuchHold, market.ImageMissing:
		return CodeNotFound
	case market.BadLease:
		return CodeInvalid
	case market.Unreachable:
		return CodeUnreachable
	case market.Unsupported:
		return CodeUnsupported
	}
	return CodeConflict
}

// complete returns a copy with every member of RFC 9457 set.
func (e *Error) complete() *Error {
	out := *e
	out.Type = "about:blank"
	for _, row := range codes {
		if row.code == e.Code {
			out.Status, out.Title = row.status, row.title
			return &out
		}
	}
	out.Code, out.Status, out.Title = CodeInternal, http.StatusInternalServerError, "internal error"
	return &out
}

// asError turns any error into one of the closed set. What nobody foresaw is
// internal, and its text is for the log only.
func asError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.complete()
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(CodeCancelled, "the deadline passed before the node was done").complete()
	case errors.Is(err, context.Canceled):
		return Errorf(CodeCancelled, "the request was cancelled").complete()
	case errors.Is(err, market.ErrBadSpec), errors.Is(err, market.ErrBadQuantity), errors.Is(err, market.ErrBadID):
		return plain(err).complete()
	}
	return Errorf(CodeInternal, "the node met an internal error; its log says more").complete()
}
