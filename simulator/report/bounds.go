package report

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Bound is what a scenario expects of a metric.
type Bound struct {
	Metric string // as in summary.json, with dots: "messages_per_request.mean"
	Op     string // >=, <=, >, < or ==
	Value  float64
}

// Expectation is a bound and what came of it.
type Expectation struct {
	Metric string   `json:"metric"`
	Bound  string   `json:"bound"`
	Value  *float64 `json:"value"` // null = not measured, which is not met
	Met    bool     `json:"met"`
}

// ParseBound reads ">= 0.999" for a metric; the error does not name it.
func ParseBound(metric, text string) (Bound, error) {
	text = strings.TrimSpace(text)
	for _, op := range []string{">=", "<=", "==", ">", "<"} {
		if rest, ok := strings.CutPrefix(text, op); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err != nil {
				break
			}
			return Bound{metric, op, v}, nil
		}
	}
	return Bound{}, fmt.Errorf(`%q is not a bound such as ">= 0.999"`, text)
}

// String returns ">= 0.999".
func (b Bound) String() string { return b.Op + " " + strconv.FormatFloat(b.Value, 'g', -1, 64) }

func (b Bound) met(v float64) bool {
	switch b.Op {
	case ">=":
		return v >= b.Value
	case "<=":
		return v <= b.Value
	case ">":
		return v > b.Value
	case "<":
		return v < b.Value
	}
	return v == b.Value
}

func judge(s *Summary, bounds []Bound) []Expectation {
	list := []Expectation{}
	for _, b := range bounds {
		e := Expectation{Metric: b.Metric, Bound: b.String()}
		if v, ok := s.Metric(b.Metric); ok {
			e.Value, e.Met = &v, b.met(v)
		}
		list = append(list, e)
	}
	return list
}

// Met reports whether every bound holds.
func (s *Summary) Met() bool {
	return !slices.ContainsFunc(s.Expectations, func(e Expectation) bool { return !e.Met })
}

// Metrics names the numbers of a Summary, in its order.
func Metrics() []string { return numbers(reflect.TypeFor[Summary](), "") }

func numbers(t reflect.Type, prefix string) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, kind := prefix+f.Tag.Get("json"), f.Type
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch {
		case f.Anonymous:
			names = append(names, numbers(kind, prefix)...)
		case kind.Kind() == reflect.Struct:
			names = append(names, numbers(kind, name+".")...)
		case kind.ConvertibleTo(reflect.TypeFor[float64]()) && name != "version" && name != "seed":
			names = append(names, name)
		}
	}
	return names
}

// Metric returns a number of the summary by its name; false when there is no
// such number, or it was not measured.
func (s *Summary) Metric(name string) (float64, bool) {
	text, err := json.Marshal(s)
	if err != nil {
		return 0, false
	}
	var v any
	if json.Unmarshal(text, &v) != nil {
		return 0, false
	}
	for _, part := range strings.Split(name, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return 0, false
		}
		v = m[part]
	}
	f, ok := v.(float64)
	return f, ok
}
