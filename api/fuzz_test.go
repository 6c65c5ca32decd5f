package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// read reads b as a request's body.
func read[T any](b []byte) (T, error) {
	r := httptest.NewRequest("POST", "/", bytes.NewReader(b))
	r.Header.Set("Content-Type", jsonType)
	return readBody[T](httptest.NewRecorder(), r, true)
}

// refusal fails the test unless err is one that a user can read.
func refusal(t *testing.T, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeInvalid && e.Code != CodeTooLarge || e.Detail == "" || len(e.Detail) > 8<<10 {
		t.Errorf("refused with %#v", err)
	}
}

// stable checks that what was accepted means the same when it is sent on.
func stable[T any](t *testing.T, b []byte) (v T, ok bool) {
	v, err := read[T](b)
	if err != nil {
		refusal(t, err)
		return v, false
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	w, err := read[T](again)
	if err != nil && len(again) <= MaxBody {
		t.Errorf("accepted, and refused when sent on: %v\n%s", err, again)
	}
	if third, _ := json.Marshal(w); err == nil && !bytes.Equal(again, third) {
		t.Errorf("changed when sent on:\n%s\n%s", again, third)
	}
	return v, true
}

// FuzzRequests: every decoder of a body refuses with words or accepts what
// holds.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{
		`{"spec":{"image":"web","resources":{"milli_cpu":100,"memory_bytes":67108864},"ports":[{"container_port":80}]},"policy":{"replicas":3}}`,
		`{"resources":{"milli_cpu":1},"constraints":["region==eu","a!=b"],"platform":"linux/amd64","cpu_class":"v3"}`,
		`{"drain":true,"deadline_ms":1}`, `{"name":"x","max_uses":1}`, `{"value":"v"}`, `{"grace_ms":0,"signal":"TERM"}`,
		`{"rows":1,"columns":2}`, `{"command":["a","b"],"env":["K=V"],"size":{"rows":1}}`, `{"stdin":true}`, `{"term_ms":1}`, `{"notice_ms":1,"detail":"x"}`,
		`{"core_hour_micro":1,"unit":"credit"}`, `{"amount_micro":1,"received":true}`, `{"limit_micro":1,"unit":"EUR"}`, `{"blocked":true}`, `[]`, `{"a":`, "\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if run, ok := stable[RunRequest](t, b); ok {
			m, err := run.Spec.Market()
			if err != nil {
				t.Fatalf("accepted a spec that does not convert: %v", err)
			}
			if back, err := SpecOf(m).Market(); err != nil || !reflect.DeepEqual(back.Limits, m.Limits) || back.Image != m.Image {
				t.Errorf("spec changed on the way: %+v, %v", back, err)
			}
		}
		stable[SearchRequest](t, b)
		stable[LeaveRequest](t, b)
		stable[TokenRequest](t, b)
		stable[SettingRequest](t, b)
		stable[StopRequest](t, b)
		stable[KillRequest](t, b)
		stable[Size](t, b)
		stable[ExecRequest](t, b)
		stable[AttachRequest](t, b)
		stable[QuoteRequest](t, b)
		stable[RenewRequest](t, b)
		stable[ReclaimRequest](t, b)
		stable[PauseRequest](t, b)
		stable[PriceRequest](t, b)
		stable[SettleRequest](t, b)
		stable[CreditRequest](t, b)
		stable[PeerRequest](t, b)
	})
}

// FuzzQueries: every reader of query parameters refuses with words or accepts
// what it writes itself.
func FuzzQueries(f *testing.F) {
	f.Add("all=true&role=sold&filter=name=web&filter=label.a=b")
	f.Add("follow=1&tail=-1&since=2026-01-31T12:00:00Z&timestamps=true")
	f.Add("force=true&volumes=0")
	f.Add("from=7&limit=50")
	f.Fuzz(func(t *testing.T, raw string) {
		values, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		holds(t, values, parseEventOptions)
		holds(t, values, parseListOptions)
		holds(t, values, parseRemoveOptions)
		holds(t, values, parseStatsOptions)
		holds(t, values, parseLogOptions)
		holds(t, values, parseLeaseOptions)
		holds(t, values, parseVerifyOptions)
		holds(t, values, parseEntryOptions)
	})
}

func holds[T interface{ query() url.Values }](t *testing.T, values url.Values, parse func(*queryReader) T) {
	q := queryReader{values: values}
	v := parse(&q)
	if err := q.done(); err != nil {
		refusal(t, err)
		return
	}
	q = queryReader{values: v.query()}
	if w := parse(&q); q.done() != nil || !reflect.DeepEqual(w.query(), v.query()) {
		t.Errorf("%v becomes %v: %v", values, w.query(), q.done())
	}
}

// FuzzFrames: a reader of frames takes what a writer wrote, and nonsense ends
// it.
func FuzzFrames(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, FrameInput, []byte("x")), FrameInputEnd, nil))
	f.Add(appendFrame(nil, FrameResize, resizePayload(Size{24, 80})))
	f.Add(appendFrame(nil, FrameFailure, failurePayload(Errorf(CodeBusy, "busy").complete())))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames := frameReader{r: bytes.NewReader(b)}
		var again []byte
		for {
			kind, p, err := frames.next()
			if err != nil {
				break
			}
			again = appendFrame(again, kind, p)
		}
		if !bytes.HasPrefix(b, again) {
			t.Errorf("read %q from %q", again, b)
		}
		// The client's reader must end, whatever comes.
		_, _ = copyOutput(bytes.NewReader(b), Stdio{})
	})
}

// TestFailureFits: a failure with long lists still fits a frame.
func TestFailureFits(t *testing.T) {
	e := Errorf(CodeNoOffer, "no offer fits").complete()
	for range 2000 {
		e.Matches = append(e.Matches, strings.Repeat("x", 64))
	}
	p := failurePayload(e)
	if got := problemOf(p); len(p) > MaxFrame || got.Code != CodeNoOffer || got.Detail != e.Detail {
		t.Errorf("%d bytes, %+v", len(p), got)
	}
}
