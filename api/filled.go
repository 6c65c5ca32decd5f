package api

import (
	"reflect"
	"strings"
	"time"
)

// filled returns a copy of v in which no list is nil, except those that are
// left out when empty: a reader in any language may then count on a list where
// the document says list. Nothing that v shares with its owner is changed.
func filled(v any) any {
	if v == nil {
		return nil
	}
	return fill(reflect.ValueOf(v)).Interface()
}

func fill(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(fill(v.Elem()))
		return out
	case reflect.Slice:
		return fillSlice(v)
	case reflect.Struct:
		return fillStruct(v)
	}
	return v
}

func fillSlice(v reflect.Value) reflect.Value {
	if v.Type().Elem().Kind() == reflect.Uint8 { // json.RawMessage
		return v
	}
	out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	for i := range v.Len() {
		out.Index(i).Set(fill(v.Index(i)))
	}
	return out
}

func fillStruct(v reflect.Value) reflect.Value {
	if v.Type() == reflect.TypeFor[time.Time]() {
		return v
	}
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	for i := range v.NumField() {
		omitted := strings.Contains(v.Type().Field(i).Tag.Get("json"), "omitzero") && v.Field(i).IsZero()
		if !omitted {
			out.Field(i).Set(fill(v.Field(i)))
		}
	}
	return out
}
