package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// source is where an operation's input comes from.
type source[T any] struct {
	params []param
	in     reflect.Type
	needed bool
	read   func(w http.ResponseWriter, r *http.Request) (T, error)
}

// nothing reads no input and refuses query parameters.
func nothing() source[none] {
	return query(func(*queryReader) none { return none{} })
}

// query reads query parameters.
func query[T any](parse func(*queryReader) T) source[T] {
	var names queryReader
	parse(&names)
	return source[T]{params: names.asked, read: func(_ http.ResponseWriter, r *http.Request) (v T, err error) {
		q := queryReader{}
		if q.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return v, Errorf(CodeInvalid, "the query is malformed: %v", err)
		}
		v = parse(&q)
		return v, q.done()
	}}
}

// body reads a JSON body, which must be there.
func body[T any]() source[T] {
	return source[T]{in: reflect.TypeFor[T](), needed: true, read: func(w http.ResponseWriter, r *http.Request) (T, error) {
		return readBody[T](w, r, true)
	}}
}

// optionalBody reads a JSON body; an empty one is the zero value.
func optionalBody[T any]() source[T] {
	return source[T]{in: reflect.TypeFor[T](), read: func(w http.ResponseWriter, r *http.Request) (T, error) {
		return readBody[T](w, r, false)
	}}
}

// readBody reads, decodes and validates a body.
func readBody[T any](w http.ResponseWriter, r *http.Request, needed bool) (v T, err error) {
	if _, err := nothing().read(w, r); err != nil {
		return v, err
	}
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout)) // not supported by test recorders
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	_ = conn.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return v, Errorf(CodeTooLarge, "the body is larger than %d bytes", large.Limit)
	case err != nil:
		return v, Errorf(CodeInvalid, "the body broke off: %v", err)
	case len(b) == 0 && !needed:
		return v, nil
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != jsonType {
		return v, Errorf(CodeInvalid, "the body's Content-Type is %q; want %s", clip(r.Header.Get("Content-Type")), jsonType)
	}
	if err := decode(b, &v); err != nil {
		return v, err
	}
	if c, ok := any(v).(interface{ Validate() error }); ok {
		return v, c.Validate()
	}
	return v, nil
}

// decode reads one JSON value strictly and says what is wrong with it.
func decode(b []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err := d.Token(); err != io.EOF {
			return Errorf(CodeInvalid, "something follows the JSON value at byte %d", d.InputOffset())
		}
		return nil
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF):
		return Errorf(CodeInvalid, "the body is empty; want a JSON object")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Errorf(CodeInvalid, "the JSON of the body breaks off")
	case errors.As(err, &syntax):
		return Errorf(CodeInvalid, "the body is not JSON: %v at byte %d", syntax, syntax.Offset)
	case errors.As(err, &kind):
		return Errorf(CodeInvalid, "%s: a JSON %s does not fit, want %v", orBody(kind.Field), kind.Value, kind.Type)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return Errorf(CodeInvalid, "unknown field %s", clip(field))
	}
	return Errorf(CodeInvalid, "the body cannot be read: %s", clip(strings.TrimPrefix(err.Error(), "json: ")))
}

func orBody(field string) string {
	if field == "" {
		return "the body"
	}
	return "field " + field
}

// answer is an operation that answers with one JSON value.
func answer[In, Out any](src source[In], f func(context.Context, Backend, string, In) (Out, error)) endpoint {
	return endpoint{
		kind: kindAnswer, params: src.params, in: src.in, needed: src.needed, out: reflect.TypeFor[Out](),
		serve: func(s *Server, w http.ResponseWriter, r *http.Request, ref string) error {
			in, err := src.read(w, r)
			if err != nil {
				return err
			}
			out, err := f(r.Context(), s.backend, ref, in)
			if err != nil {
				return err
			}
			return writeJSON(w, http.StatusOK, jsonType, out)
		},
	}
}

// action is an operation without an answer.
func action[In any](src source[In], f func(context.Context, Backend, string, In) error) endpoint {
	return endpoint{
		kind: kindAction, params: src.params, in: src.in, needed: src.needed,
		serve: func(s *Server, w http.ResponseWriter, r *http.Request, ref string) error {
			in, err := src.read(w, r)
			if err != nil {
				return err
			}
			if err := f(r.Context(), s.backend, ref, in); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		},
	}
}

// stream is an operation that answers with JSON lines.
func stream[In, Line any](src source[In], f func(context.Context, Backend, string, In, func(Line) error) error) endpoint {
	return endpoint{
		kind: kindLines, params: src.params, in: src.in, needed: src.needed, out: reflect.TypeFor[Line](),
		serve: func(s *Server, w http.ResponseWriter, r *http.Request, ref string) error {
			in, err := src.read(w, r)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancelCause(r.Context())
			defer cancel(nil)
			lw := startLines(s, w, cancel, s.cfg.StreamStall)
			return lw.finish(f(ctx, s.backend, ref, in, func(l Line) error { return lw.write(l) }))
		},
	}
}

// onlyLocal keeps an operation to the Unix socket.
func onlyLocal(e endpoint) endpoint {
	e.local = true
	return e
}

// writeJSON writes a whole answer. What cannot be encoded is a defect.
func writeJSON(w http.ResponseWriter, status int, mediaType string, v any) error {
	b, err := json.Marshal(filled(v))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that is gone needs no answer
	return nil
}
