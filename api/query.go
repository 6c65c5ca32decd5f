package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Each options struct travels as query parameters: query writes them, the
// parse function beside it reads them back. Unknown parameters are refused by
// name, so that a typing error is not an ignored filter.

func (o EventOptions) query() url.Values {
	q := url.Values{}
	setTime(q, "since", o.Since)
	setBool(q, "follow", o.Follow)
	setString(q, "type", o.Type)
	return q
}

func parseEventOptions(q *queryReader) (o EventOptions) {
	return EventOptions{Since: q.time("since"), Follow: q.bool("follow"), Type: q.string("type")}
}

func (o ListOptions) query() url.Values {
	q := url.Values{}
	setBool(q, "all", o.All)
	setString(q, "role", string(o.Role))
	for _, f := range o.Filters {
		q.Add("filter", f.Key+"="+f.Value)
	}
	return q
}

func parseListOptions(q *queryReader) ListOptions {
	o := ListOptions{All: q.bool("all"), Role: q.role()}
	for _, f := range q.strings("filter") {
		k, v, ok := strings.Cut(f, "=")
		if !ok || !knownFilter(k) {
			q.fail("filter", "is not KEY=VALUE with one of the keys "+strings.Join(filterKeys(), ", "))
		}
		o.Filters = append(o.Filters, Filter{Key: k, Value: v})
	}
	return o
}

func filterKeys() []string { return []string{"name", "id", "state", "node", "image", "label.<key>"} }

func knownFilter(key string) bool {
	return slices.Contains(filterKeys(), key) || strings.HasPrefix(key, "label.") && len(key) > len("label.")
}

func (o RemoveOptions) query() url.Values {
	q := url.Values{}
	setBool(q, "force", o.Force)
	setBool(q, "volumes", o.Volumes)
	return q
}

func (o LeaseOptions) query() url.Values {
	q := url.Values{}
	setBool(q, "all", o.All)
	setString(q, "role", string(o.Role))
	return q
}

func parseLeaseOptions(q *queryReader) LeaseOptions {
	return LeaseOptions{All: q.bool("all"), Role: q.role()}
}

func (o VerifyOptions) query() url.Values {
	q := url.Values{}
	setString(q, "peer", string(o.Peer))
	return q
}

func parseVerifyOptions(q *queryReader) VerifyOptions {
	return VerifyOptions{NodeRef(q.string("peer"))}
}

func (o ExportOptions) query() url.Values { return VerifyOptions(o).query() }

func parseExportOptions(q *queryReader) ExportOptions { return ExportOptions(parseVerifyOptions(q)) }

func (o EntryOptions) query() url.Values {
	q := url.Values{}
	if o.From != 0 {
		q.Set("from", strconv.FormatUint(o.From, 10))
	}
	if o.Limit != 0 {
		q.Set("limit", strconv.Itoa(o.Limit))
	}
	return q
}

func parseEntryOptions(q *queryReader) EntryOptions {
	o := EntryOptions{From: uint64(q.int("from", 0)), Limit: q.int("limit", 0)}
	if o.Limit > MaxEntries {
		q.fail("limit", "is more than "+strconv.Itoa(MaxEntries))
	}
	return o
}

func parseRemoveOptions(q *queryReader) RemoveOptions {
	return RemoveOptions{Force: q.bool("force"), Volumes: q.bool("volumes")}
}

func (o StatsOptions) query() url.Values {
	q := url.Values{}
	setBool(q, "follow", o.Follow)
	return q
}

func parseStatsOptions(q *queryReader) StatsOptions { return StatsOptions{Follow: q.bool("follow")} }

func (o LogOptions) query() url.Values {
	q := url.Values{}
	setBool(q, "follow", o.Follow)
	if o.Tail != 0 {
		q.Set("tail", strconv.Itoa(o.Tail))
	}
	setTime(q, "since", o.Since)
	setTime(q, "until", o.Until)
	setBool(q, "timestamps", o.Timestamps)
	return q
}

func parseLogOptions(q *queryReader) LogOptions {
	return LogOptions{
		Follow: q.bool("follow"), Tail: q.int("tail", -1), Since: q.time("since"), Until: q.time("until"),
		Timestamps: q.bool("timestamps"),
	}
}

func setBool(q url.Values, key string, v bool) {
	if v {
		q.Set(key, "true")
	}
}

func setString(q url.Values, key, v string) {
	if v != "" {
		q.Set(key, v)
	}
}

func setTime(q url.Values, key string, t time.Time) {
	if !t.IsZero() {
		q.Set(key, t.UTC().Format(time.RFC3339Nano))
	}
}

// queryReader reads query parameters, remembers which ones were asked for, and
// keeps the first problem.
type queryReader struct {
	values url.Values
	asked  []param
	err    *Error
}

// param is a query parameter: its name and its JSON schema.
type param struct {
	name string
	form paramForm
}

type paramForm string

const (
	formString paramForm = "string"
	formList   paramForm = "list of strings"
	formBool   paramForm = "boolean"
	formInt    paramForm = "integer"
	formTime   paramForm = "date-time"
)

func (q *queryReader) fail(key, why string) {
	if q.err == nil {
		q.err = Errorf(CodeInvalid, "query parameter %s: %q %s", key, clip(q.values.Get(key)), why)
	}
}

func (q *queryReader) ask(key string, form paramForm) []string {
	q.asked = append(q.asked, param{key, form})
	return q.values[key]
}

func (q *queryReader) strings(key string) []string { return q.ask(key, formList) }

func (q *queryReader) string(key string) string { return q.one(key, formString) }

func (q *queryReader) one(key string, form paramForm) string {
	vs := q.ask(key, form)
	if len(vs) > 1 {
		q.fail(key, "stands more than once")
	}
	if len(vs) == 0 {
		return ""
	}
	return vs[0]
}

func (q *queryReader) bool(key string) bool {
	switch s := q.one(key, formBool); s {
	case "", "false", "0":
		return false
	case "true", "1":
		return true
	}
	q.fail(key, "is neither true nor false")
	return false
}

func (q *queryReader) int(key string, least int) int {
	s := q.one(key, formInt)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || int(n) < least {
		q.fail(key, "is not a number of "+strconv.Itoa(least)+" or more")
	}
	return int(n)
}

func (q *queryReader) time(key string) time.Time {
	s := q.one(key, formTime)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		q.fail(key, "is not a date such as 2026-01-31T12:00:00Z")
	}
	return t
}

func (q *queryReader) role() Role {
	r := Role(q.string("role"))
	if r != "" && r != RoleBought && r != RoleSold {
		q.fail("role", "is neither bought nor sold")
	}
	return r
}

// done returns the first problem, an unknown parameter included.
func (q *queryReader) done() error {
	var names []string
	for _, p := range q.asked {
		names = append(names, p.name)
	}
	for key := range q.values {
		if !slices.Contains(names, key) {
			return Errorf(CodeInvalid, "query parameter %q is unknown here; known are: %s", clip(key), orNone(names))
		}
	}
	if q.err != nil {
		return q.err
	}
	return nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
