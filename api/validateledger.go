package api

import (
	"strings"

	"caravela/market"
)

// Validate refuses what cannot be right, with CodeInvalid.
func (m MaxPrice) Validate() error {
	if m.MaxHourlyMicro != nil {
		return firstError(checkMoney("max_hourly_micro", *m.MaxHourlyMicro), checkUnit(m.Unit))
	}
	return checkUnit(m.Unit)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r QuoteRequest) Validate() error { return RunRequest{Spec: r.Spec, Policy: r.Policy}.Validate() }

// Validate refuses what cannot be right, with CodeInvalid.
func (r RenewRequest) Validate() error { return checkSpan("term_ms", r.TermMS) }

// Validate refuses what cannot be right, with CodeInvalid.
func (r ReclaimRequest) Validate() error {
	switch {
	case r.Now && r.Cancel || r.NoticeMS != 0 && (r.Now || r.Cancel):
		return Errorf(CodeInvalid, "notice_ms, now and cancel exclude each other")
	case len(r.Detail) > market.MaxDetail/2:
		return Errorf(CodeInvalid, "detail has %d bytes; at most %d", len(r.Detail), market.MaxDetail/2)
	case r.NoticeMS > market.MaxGrace.Milliseconds():
		return Errorf(CodeInvalid, "notice_ms %d; at most 30 days", r.NoticeMS)
	}
	return checkSpan("notice_ms", r.NoticeMS)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r PauseRequest) Validate() error {
	if len(r.Reason) > market.MaxReference {
		return Errorf(CodeInvalid, "reason has %d bytes; at most %d", len(r.Reason), market.MaxReference)
	}
	return nil
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r PriceRequest) Validate() error {
	switch {
	case r == (PriceRequest{}):
		return Errorf(CodeInvalid, "no price is named").WithNext("caravela offer price --core 0.02 --unit credit")
	case r.Reset && r != (PriceRequest{Reset: true}):
		return Errorf(CodeInvalid, "a new price and reset exclude each other")
	case r.Unit != nil:
		if err := checkUnit(*r.Unit); err != nil {
			return err
		}
	}
	rate := func(field string, v *int64) error {
		if v == nil {
			return nil
		}
		return checkMoney(field, *v)
	}
	return firstError(
		rate("core_hour_micro", r.CoreHourMicro), rate("memory_gib_hour_micro", r.MemoryHourMicro),
		rate("disk_gib_hour_micro", r.DiskHourMicro), rate("parked_hour_micro", r.ParkedHourMicro), rate("start_micro", r.StartMicro),
	)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r SettleRequest) Validate() error {
	switch {
	case r.AmountMicro <= 0:
		return Errorf(CodeInvalid, "amount_micro %d; a debt is more than nothing", r.AmountMicro)
	case len(r.Reference) > market.MaxReference || strings.ContainsRune(r.Reference, 0):
		return Errorf(CodeInvalid, "the reference is longer than %d bytes or holds a zero byte", market.MaxReference)
	}
	return checkUnit(r.Unit)
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r CreditRequest) Validate() error {
	switch {
	case r.Default && (r.LimitMicro != 0 || r.Unit != ""):
		return Errorf(CodeInvalid, "default and a limit exclude each other")
	case !r.Default && r.Unit == "":
		return Errorf(CodeInvalid, "a limit needs the unit that it is counted in").WithNext("caravela ledger credit PEER --limit 10 --unit credit")
	}
	return firstError(checkMoney("limit_micro", r.LimitMicro), checkUnit(r.Unit))
}

// Validate refuses what cannot be right, with CodeInvalid.
func (r PeerRequest) Validate() error {
	switch {
	case r == (PeerRequest{}):
		return Errorf(CodeInvalid, "nothing is to be changed")
	case r.Remark != nil && (len(*r.Remark) > market.MaxReference || strings.ContainsRune(*r.Remark, 0)):
		return Errorf(CodeInvalid, "the remark is longer than %d bytes or holds a zero byte", market.MaxReference)
	}
	return nil
}

// checkMoney accepts what a signed object may hold.
func checkMoney(field string, micro int64) error {
	if micro < 0 || micro > int64(market.MaxMicro) {
		return Errorf(CodeInvalid, "%s %d; from 0 to %d", field, micro, market.MaxMicro)
	}
	return nil
}

// checkUnit accepts the label of a unit, or none.
func checkUnit(unit string) error {
	p := market.Price{Unit: unit}
	if p.Validate() != nil {
		return Errorf(CodeInvalid, "unit %q is not 1 to %d letters", clip(unit), market.MaxUnit)
	}
	return nil
}

// checkHold accepts a hold for one container that is really wanted.
func checkHold(p Policy) error {
	if p.Hold == "" {
		return nil
	}
	if _, err := market.ParseLeaseID(p.Hold); err != nil {
		return Errorf(CodeInvalid, "hold %q is not the ID of a hold", clip(p.Hold)).WithNext("caravela quote --hold IMAGE")
	}
	if p.Replicas > 1 || p.DryRun {
		return Errorf(CodeInvalid, "a hold is for one container")
	}
	return nil
}
