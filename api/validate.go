package api

import (
	"strings"
	"time"

	"caravela/market"
)

// maxSpan bounds every duration of a request: beyond it is a mistake in the
// unit.
const maxSpan = 10 * 365 * 24 * time.Hour

// Validate refuses what cannot be right, with CodeInvalid. The server calls it;
// a Backend may count on it.
func (r RunRequest) Validate() error {
	if _, err := r.Spec.Market(); err != nil {
		return err
	}
	if len(r.RegistryAuth) > 64<<10 {
		return Errorf(CodeInvalid, "registry_auth is %d bytes long; at most %d", len(r.RegistryAuth), 64<<10)
	}
	return r.Policy.Validate()
}

// Validate refuses what cannot be right, with CodeInvalid.
func (p Policy) Validate() error {
	switch p.Placement {
	case "", PlaceApart, PlaceTogether:
	default:
		return Errorf(CodeInvalid, "placement %q is neither spread nor colocate", clip(string(p.Placement)))
	}
	switch p.Renew {
	case "", RenewAuto, RenewNever:
	default:
		return Errorf(CodeInvalid, "renew %q is neither auto nor never", clip(string(p.Renew)))
	}
	if p.Replicas < 0 || p.Replicas > market.MaxReplicas {
		return Errorf(CodeInvalid, "%d replicas; from 1 to %d", p.Replicas, market.MaxReplicas)
	}
	return firstError(
		checkChoice(p.Strategy, p.Constraints, p.CPUClass),
		checkSpan("lease_term_ms", p.LeaseTermMS),
		checkSpan("wait_for_offer_ms", p.WaitForOfferMS),
		p.MaxPrice.Validate(),
		checkMoney("max_cost_micro", p.MaxCostMicro),
		checkHold(p),
	)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r SearchRequest) Validate() error {
	_, platform := platformOf(r.Platform)
	switch {
	case !r.Resources.Market().Valid():
		return Errorf(CodeInvalid, "resources: %v is beyond any machine", r.Resources.Market())
	case r.Limit < 0 || r.Limit > 1000:
		return Errorf(CodeInvalid, "limit %d; from 1 to 1000", r.Limit)
	case len(r.Ports) > market.MaxPorts:
		return Errorf(CodeInvalid, "%d ports; at most %d", len(r.Ports), market.MaxPorts)
	}
	return firstError(
		platform, checkChoice(r.Strategy, r.Constraints, r.CPUClass), checkSpan("lease_term_ms", r.LeaseTermMS), r.MaxPrice.Validate(),
	)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r ExecRequest) Validate() error {
	if len(r.Command) == 0 || r.Command[0] == "" {
		return Errorf(CodeInvalid, "no command is named").WithNext("caravela exec CONTAINER COMMAND [ARG...]")
	}
	if len(r.Command) > market.MaxSpecStrings || len(r.Env) > market.MaxSpecStrings {
		return Errorf(CodeInvalid, "more than %d arguments or variables", market.MaxSpecStrings)
	}
	for _, e := range r.Env {
		if k, _, ok := strings.Cut(e, "="); !ok || k == "" {
			return Errorf(CodeInvalid, "environment entry %q is not KEY=VALUE", clip(e))
		}
	}
	for _, list := range [][]string{r.Command, r.Env, {r.User, r.WorkDir}} {
		for _, s := range list {
			if len(s) > market.MaxSpecString || strings.ContainsRune(s, 0) {
				return Errorf(CodeInvalid, "an argument or variable is longer than %d bytes or holds a zero byte", market.MaxSpecString)
			}
		}
	}
	return nil
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r LeaveRequest) Validate() error {
	if r.DeadlineMS != 0 && !r.Drain {
		return Errorf(CodeInvalid, "deadline_ms without drain").WithNext("caravela leave --drain --deadline 1h")
	}
	return checkSpan("deadline_ms", r.DeadlineMS)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r TokenRequest) Validate() error {
	if r.Name != "" && !market.ValidName(r.Name) {
		return Errorf(CodeInvalid, "name %q: use letters, digits, '_', '.', '-', 63 at most", clip(r.Name))
	}
	if r.MaxUses < 0 || r.MaxUses > 1<<20 {
		return Errorf(CodeInvalid, "max_uses %d; from 0 (no limit) to %d", r.MaxUses, 1<<20)
	}
	return checkSpan("expires_in_ms", r.ExpiresInMS)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r StopRequest) Validate() error {
	if r.GraceMS != nil && (*r.GraceMS < 0 || *r.GraceMS > (24*time.Hour).Milliseconds()) {
		return Errorf(CodeInvalid, "grace_ms %d; from 0 to one day", *r.GraceMS)
	}
	return checkSignal(r.Signal)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r KillRequest) Validate() error { return checkSignal(r.Signal) }

// Validate refuses what cannot be right, with CodeInvalid.
func (s Size) Validate() error {
	if s.Rows == 0 || s.Columns == 0 {
		return Errorf(CodeInvalid, "a terminal of %d rows and %d columns", s.Rows, s.Columns)
	}
	return nil
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r SettingRequest) Validate() error {
	if len(r.Value) > 16<<10 || strings.ContainsRune(r.Value, 0) {
		return Errorf(CodeInvalid, "the value is longer than %d bytes or holds a zero byte", 16<<10)
	}
	return nil
}

func checkChoice(s Strategy, constraints []string, class string) error {
	switch s {
	case "", StrategyBinpack, StrategySpread, StrategyCheapest:
	default:
		return Errorf(CodeInvalid, "strategy %q is neither binpack, spread nor cheapest", clip(string(s)))
	}
	if len(constraints) > market.MaxConstraints {
		return Errorf(CodeInvalid, "%d constraints; at most %d", len(constraints), market.MaxConstraints)
	}
	for _, c := range constraints {
		if _, err := market.ParseConstraint(c); err != nil {
			return plain(err)
		}
	}
	if class != "" && class != "any" {
		if _, err := market.ParseCPUClass(class); err != nil {
			return plain(err)
		}
	}
	return nil
}

// checkSignal accepts names such as TERM and SIGTERM, and numbers; the engine
// knows which ones exist.
func checkSignal(s string) error {
	ok := len(s) <= 16
	for i := range len(s) {
		c := s[i]
		ok = ok && (c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-')
	}
	if !ok {
		return Errorf(CodeInvalid, "signal %q is not like TERM or 15", clip(s))
	}
	return nil
}

func checkSpan(field string, ms int64) error {
	if ms < 0 || ms > maxSpan.Milliseconds() {
		return Errorf(CodeInvalid, "%s %d; from 0 to ten years", field, ms)
	}
	return nil
}

// plain turns an error of the market's parsers into one of ours.
func plain(err error) *Error {
	return &Error{Code: CodeInvalid, Detail: strings.TrimPrefix(err.Error(), "market: ")}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
