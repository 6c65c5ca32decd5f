package scenario

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"caravela/configuration"
	"caravela/market"
)

// binder writes a decoded TOML tree into a Spec, and collects every key that
// is unknown or of the wrong kind.
type binder struct {
	at    func(key string) string // where a key was written
	found []error
}

func (b *binder) problem(key, remedy, format string, args ...any) {
	b.found = append(b.found, &configuration.Problem{Key: key, At: b.at(key), Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (b *binder) table(tree map[string]any, to reflect.Value, prefix string) {
	for _, name := range sortedKeys(tree) {
		field, ok := fieldOf(to, name)
		if !ok {
			b.problem(prefix+name, suggest(name, prefix, to.Type()), "unknown key")
			continue
		}
		b.value(tree[name], field, prefix+name)
	}
}

// value converts one value. Lists replace what was there before.
func (b *binder) value(v any, to reflect.Value, key string) {
	switch to.Interface().(type) {
	case time.Duration:
		parsed(b, to, key, v, configuration.ParseDuration, `a duration in quotes, such as "90s" or "1h30m"`)
		return
	case market.Bytes:
		parsed(b, to, key, v, market.ParseBytes, `a size in quotes, such as "512m"`)
		return
	case market.MilliCPU:
		if n, ok := number(v); ok { // cpus = 2 as well as cpus = "2"
			v = strconv.FormatFloat(n, 'f', -1, 64)
		}
		parsed(b, to, key, v, market.ParseCPU, "a number of CPUs, such as 0.5")
		return
	case map[string]any:
		if t, ok := v.(map[string]any); ok {
			merged := to.Interface().(map[string]any)
			if merged == nil {
				merged = map[string]any{}
			}
			flatten(t, "", merged)
			to.Set(reflect.ValueOf(merged))
			return
		}
		b.problem(key, "write it as a section, ["+key+"]", "is not a table")
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		if t, ok := v.(map[string]any); ok {
			if _, whole := t["law"]; whole { // another law has other values
				to.SetZero()
			}
			b.table(t, to, key+".")
			return
		}
		b.problem(key, "write it as a section, ["+key+"]", "is not a table")
	case reflect.Slice:
		b.list(v, to, key)
	case reflect.String:
		b.plain(v, to, key, reflect.TypeFor[string](), `a text in quotes`)
	case reflect.Bool:
		b.plain(v, to, key, reflect.TypeFor[bool](), "true or false")
	case reflect.Int64:
		b.plain(v, to, key, reflect.TypeFor[int64](), "a whole number")
	case reflect.Float64:
		n, ok := number(v)
		if !ok || math.IsNaN(n) || math.IsInf(n, 0) {
			b.problem(key, "", "is not a number")
			return
		}
		to.SetFloat(n)
	default:
		panic("scenario: a kind of field that nothing reads: " + key)
	}
}

func (b *binder) plain(v any, to reflect.Value, key string, kind reflect.Type, want string) {
	if reflect.TypeOf(v) != kind {
		b.problem(key, "", "is not %s", want)
		return
	}
	to.Set(reflect.ValueOf(v))
}

func (b *binder) list(v any, to reflect.Value, key string) {
	var items []any
	switch v := v.(type) {
	case []any:
		items = v
	case []map[string]any:
		for _, t := range v {
			items = append(items, t)
		}
	default:
		if to.Type().Elem().Kind() == reflect.Struct {
			b.problem(key, "write each as [["+key+"]]", "is not a list of tables")
		} else {
			b.problem(key, "", "is not a list")
		}
		return
	}
	out := reflect.MakeSlice(to.Type(), len(items), len(items))
	for i, item := range items {
		b.value(item, out.Index(i), fmt.Sprintf("%s[%d]", key, i+1))
	}
	to.Set(out)
}

func parsed[T ~int64](b *binder, to reflect.Value, key string, v any, parse func(string) (T, error), want string) {
	text, ok := v.(string)
	if !ok {
		b.problem(key, "", "is not %s", want)
		return
	}
	n, err := parse(text)
	if err != nil {
		b.problem(key, "", "%v", err)
		return
	}
	to.SetInt(int64(n))
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func fieldOf(to reflect.Value, name string) (reflect.Value, bool) {
	for i := range to.NumField() {
		if to.Type().Field(i).Tag.Get("toml") == name {
			return to.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// suggest says which key may have been meant by an unknown one.
func suggest(name, prefix string, t reflect.Type) string {
	var here []string
	for i := range t.NumField() {
		here = append(here, t.Field(i).Tag.Get("toml"))
	}
	// The right name in the wrong section, as "loss" at the top.
	if key := holder(reflect.TypeFor[Spec](), "", name); key != "" {
		return fmt.Sprintf("did you mean %s?", key)
	}
	if best, ok := configuration.Nearest(name, here); ok {
		return fmt.Sprintf("did you mean %s%s?", prefix, best)
	}
	slices.Sort(here)
	return "known here: " + strings.Join(here, ", ")
}

func holder(t reflect.Type, prefix, name string) string {
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + f.Tag.Get("toml")
		if f.Tag.Get("toml") == name {
			return key
		}
		kind := f.Type
		if kind.Kind() == reflect.Slice {
			kind = kind.Elem()
		}
		if kind.Kind() == reflect.Struct {
			if found := holder(kind, key+".", name); found != "" {
				return found
			}
		}
	}
	return ""
}

// flatten turns nested tables into dotted names.
func flatten(tree map[string]any, prefix string, into map[string]any) {
	for name, v := range tree {
		if t, ok := v.(map[string]any); ok {
			flatten(t, prefix+name+".", into)
			continue
		}
		into[prefix+name] = v
	}
}

func (b *binder) err() error { return errors.Join(b.found...) }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
