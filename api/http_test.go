package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"caravela/api"
	"caravela/api/apitest"
)

// ask sends one request to b's server through the Unix door and returns what
// came back.
func ask(t *testing.T, b api.Backend, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	return askTCP(t, b, method, path, body, append(change, func(r *http.Request) { *r = *api.Locally(r) })...)
}

// askTCP is ask through the TCP door, with the right token.
func askTCP(t *testing.T, b api.Backend, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	s, err := api.NewServer(b, api.Config{
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Token: secret,
		AllowedHosts: []string{"oak.lan"}, AllowedOrigins: []string{"https://console.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1:7400"
	r.Header.Set("Authorization", "Bearer "+secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// wantProblem checks that w is problem+json of a code and says something.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code api.Code, says string) {
	t.Helper()
	var e api.Error
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
		t.Fatalf("not a problem: %d %s", w.Code, w.Body)
	}
	if w.Code != status || e.Status != status || e.Code != code || e.Title == "" || e.Type != "about:blank" ||
		w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s %+v; want %d %s", w.Code, w.Header().Get("Content-Type"), e, status, code)
	}
	if !strings.Contains(e.Detail, says) {
		t.Errorf("detail %q does not say %q", e.Detail, says)
	}
}

const spec = `{"image":"web","resources":{"milli_cpu":100,"memory_bytes":67108864}}`

// TestBadRequests: whatever is wrong with a request is refused by name.
func TestBadRequests(t *testing.T) {
	fake := apitest.NewFake()
	apitest.Start(t, fake, "web")
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		method, path, body string
		status             int
		code               api.Code
		says               string
	}{
		{"POST", "/v1/run", ``, 400, "invalid", "Content-Type"},
		{"POST", "/v1/run", ` `, 400, "invalid", "empty"},
		{"POST", "/v1/run", `{`, 400, "invalid", "breaks off"},
		{"POST", "/v1/run", `{]`, 400, "invalid", "not JSON"},
		{"POST", "/v1/run", `[]`, 400, "invalid", "array does not fit"},
		{"POST", "/v1/run", `{"spec":` + spec + `} {}`, 400, "invalid", "follows"},
		{"POST", "/v1/run", `{"spec":{"image":"web","cpus":2}}`, 400, "invalid", `unknown field "cpus"`},
		{"POST", "/v1/run", `{"spec":{"image":"web","resources":{"milli_cpu":"2"}}}`, 400, "invalid", "spec.resources.milli_cpu"},
		{"POST", "/v1/run", `{"spec":{"image":"web","resources":{"milli_cpu":0.5}}}`, 400, "invalid", "spec.resources.milli_cpu"},
		{"POST", "/v1/run", `{"spec":{"image":"web","resources":{"milli_cpu":1e30}}}`, 400, "invalid", "spec.resources.milli_cpu"},
		{"POST", "/v1/run", `{"spec":{"image":"web","resources":{"milli_cpu":100}}}`, 400, "invalid", "memory"},
		{"POST", "/v1/run", `{"spec":{"resources":{"milli_cpu":100,"memory_bytes":67108864}}}`, 400, "invalid", "image"},
		{"POST", "/v1/run", `{"spec":{"image":"w","restart":"maybe"}}`, 400, "invalid", "restart"},
		{"POST", "/v1/run", `{"spec":{"image":"w","platform":"linux"}}`, 400, "invalid", "platform"},
		{"POST", "/v1/run", `{"spec":{"image":"w","ports":[{"container_port":80,"protocol":"sctp"}]}}`, 400, "invalid", "sctp"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"replicas":-1}}`, 400, "invalid", "replicas"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"strategy":"best"}}`, 400, "invalid", "strategy"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"placement":"near"}}`, 400, "invalid", "placement"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"renew":"yes"}}`, 400, "invalid", "renew"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"constraints":["eu"]}}`, 400, "invalid", "constraint"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"cpu_class":"v9"}}`, 400, "invalid", "CPU class"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"lease_term_ms":-1}}`, 400, "invalid", "lease_term_ms"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"wait_for_offer_ms":9000000000000000}}`, 400, "invalid", "wait_for_offer_ms"},
		{"POST", "/v1/run?detach=true", `{"spec":` + spec + `}`, 400, "invalid", `"detach"`},
		{"POST", "/v1/run", `{"registry_auth":"` + strings.Repeat("x", api.MaxBody) + `"}`, 413, "too_large", "larger"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"max_hourly_micro":-1}}`, 400, "invalid", "max_hourly_micro"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"max_cost_micro":9000000000000000}}`, 400, "invalid", "max_cost_micro"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"unit":"$"}}`, 400, "invalid", "unit"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"hold":"abc"}}`, 400, "invalid", "hold"},
		{"POST", "/v1/run", `{"spec":` + spec + `,"policy":{"replicas":2,"hold":"` + strings.Repeat("ab", 32) + `"}}`, 400, "invalid", "one container"},
		{"POST", "/v1/quote", `{"spec":{"image":"web"}}`, 400, "invalid", "CPUs"},
		{"POST", "/v1/leases/web/renew", `{"term_ms":-1}`, 400, "invalid", "term_ms"},
		{"POST", "/v1/leases/web/reclaim", `{"now":true,"cancel":true}`, 400, "invalid", "exclude"},
		{"POST", "/v1/leases/web/reclaim", `{"notice_ms":9000000000000}`, 400, "invalid", "notice_ms"},
		{"POST", "/v1/leases/web/reclaim", `{"detail":"` + strings.Repeat("x", 1000) + `"}`, 400, "invalid", "detail"},
		{"POST", "/v1/offer/pause", `{"reason":"` + strings.Repeat("x", 1000) + `"}`, 400, "invalid", "reason"},
		{"PUT", "/v1/offer/price", `{}`, 400, "invalid", "no price"},
		{"PUT", "/v1/offer/price", `{"core_hour_micro":-1}`, 400, "invalid", "core_hour_micro"},
		{"PUT", "/v1/offer/price", `{"core_hour_micro":1,"reset":true}`, 400, "invalid", "reset"},
		{"PUT", "/v1/offer/price", `{"unit":"a b"}`, 400, "invalid", "unit"},
		{"POST", "/v1/ledger/cedar/settle", `{"amount_micro":0}`, 400, "invalid", "amount_micro"},
		{"POST", "/v1/ledger/cedar/settle", `{"amount_micro":1,"reference":"` + strings.Repeat("x", 1000) + `"}`, 400, "invalid", "reference"},
		{"PUT", "/v1/ledger/cedar/credit", `{"limit_micro":5}`, 400, "invalid", "unit"},
		{"PUT", "/v1/ledger/cedar/credit", `{"limit_micro":5,"unit":"EUR","default":true}`, 400, "invalid", "default"},
		{"PUT", "/v1/peers/cedar", `{}`, 400, "invalid", "nothing"},
		{"PUT", "/v1/peers/cedar", `{"remark":"` + strings.Repeat("x", 1000) + `"}`, 400, "invalid", "remark"},
		{"GET", "/v1/ledger/cedar?limit=5000", ``, 400, "invalid", "limit"},
		{"GET", "/v1/ledger/cedar?from=-1", ``, 400, "invalid", "from"},
		{"GET", "/v1/leases?role=both", ``, 400, "invalid", "role"},
		{"POST", "/v1/market/search", `{"resources":{},"limit":-1}`, 400, "invalid", "limit"},
		{"POST", "/v1/market/search", `{"resources":{"milli_cpu":-5}}`, 400, "invalid", "resources"},
		{"POST", "/v1/leave", `{"deadline_ms":5}`, 400, "invalid", "drain"},
		{"POST", "/v1/tokens", `{"name":"a b"}`, 400, "invalid", "name"},
		{"POST", "/v1/tokens", `{"max_uses":-1}`, 400, "invalid", "max_uses"},
		{"PUT", "/v1/config/offer.cpus", `{"value":"\u0000"}`, 400, "invalid", "zero byte"},
		{"PUT", "/v1/config/nothing", `{"value":"1"}`, 404, "not_found", "nothing"},
		{"GET", "/v1/containers?all=perhaps", ``, 400, "invalid", "all"},
		{"GET", "/v1/containers?role=both", ``, 400, "invalid", "role"},
		{"GET", "/v1/containers?filter=colour=red", ``, 400, "invalid", "filter"},
		{"GET", "/v1/containers?al=true", ``, 400, "invalid", `"al"`},
		{"GET", "/v1/containers?all=true&all=false", ``, 400, "invalid", "more than once"},
		{"GET", "/v1/containers?all=%zz", ``, 400, "invalid", "query"},
		{"GET", "/v1/containers/web/logs?tail=-2", ``, 400, "invalid", "tail"},
		{"GET", "/v1/containers/web/logs?since=yesterday", ``, 400, "invalid", "since"},
		{"GET", "/v1/events?since=9999999999999", ``, 400, "invalid", "since"},
		{"GET", "/v1/status?verbose", ``, 400, "invalid", "verbose"},
		{"GET", "/v1/containers/" + long, ``, 400, "invalid", "malformed"},
		{"GET", "/v1/containers/..", ``, 404, "not_found", `".."`},
		{"GET", "/v1/containers/a%2Fb", ``, 404, "not_found", `"a/b"`},
		{"GET", "/v1/containers/", ``, 404, "not_found", "nothing is served"},
		{"POST", "/v1/containers/web/stop", `{"grace_ms":-1}`, 400, "invalid", "grace_ms"},
		{"POST", "/v1/containers/web/kill", `{"signal":"rm -rf"}`, 400, "invalid", "signal"},
		{"POST", "/v1/containers/web/resize", `{"rows":70000,"columns":1}`, 400, "invalid", "rows"},
		{"POST", "/v1/containers/web/resize", `{"rows":0,"columns":1}`, 400, "invalid", "0 rows"},
		{"POST", "/v1/containers/web/exec", `{"command":["cat"]}`, 400, "invalid", "Upgrade"},
		{"GET", "/", ``, 404, "not_found", "nothing is served"},
		{"GET", "/v2/status", ``, 404, "not_found", "nothing is served"},
		{"POST", "/v1/status", ``, 405, "method", "POST"},
		{"PATCH", "/v1/containers/web", ``, 405, "method", "PATCH"},
	} {
		t.Run(c.method+" "+c.path[:min(len(c.path), 40)], func(t *testing.T) {
			wantProblem(t, ask(t, fake, c.method, c.path, c.body), c.status, c.code, c.says)
		})
	}
	if allow := ask(t, fake, "PATCH", "/v1/containers/web", "").Header()["Allow"]; !slices.Equal(allow, []string{"DELETE", "GET"}) {
		t.Errorf("Allow: %v", allow)
	}
}

// TestEarlyFailure: a stream that fails before its first line is an ordinary
// problem, with the status of its code.
func TestEarlyFailure(t *testing.T) {
	w := ask(t, apitest.NewFake(), "GET", "/v1/containers/nobody/stats", "")
	wantProblem(t, w, 404, api.CodeNotFound, "nobody")
	w = ask(t, apitest.NewFake(), "GET", "/v1/containers/nobody/logs", "")
	wantProblem(t, w, 404, api.CodeNotFound, "nobody")
	w = ask(t, apitest.NewFake(), "POST", "/v1/containers/nobody/exec", `{"command":["cat"]}`,
		func(r *http.Request) { r.Header.Set("Upgrade", "caravela-stream/1") })
	wantProblem(t, w, 404, api.CodeNotFound, "nobody")
}

// TestContentType: a form that a web page can send without asking is not read.
func TestContentType(t *testing.T) {
	w := ask(t, apitest.NewFake(), "POST", "/v1/tokens", `{}`, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	wantProblem(t, w, 400, api.CodeInvalid, "text/plain")
}

// TestAccess: over TCP a request needs the token, a known Host and, if it has
// an Origin, a known one. The identity leaves through the Unix socket only.
func TestAccess(t *testing.T) {
	set := func(key, value string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set(key, value)
			if key == "Host" {
				r.Host = value
			}
		}
	}
	for _, c := range []struct {
		key, value string
		ok         bool
	}{
		{"Host", "127.0.0.1:7400", true},
		{"Host", "[::1]:7400", true},
		{"Host", "10.1.2.3", true},
		{"Host", "localhost:7400", true},
		{"Host", "oak.lan:7400", true},
		{"Host", "OAK.lan", true},
		{"Host", "evil.example", false},
		{"Host", "127.0.0.1.evil.example:7400", false},
		{"Host", "", false},
		{"Origin", "https://console.example", true},
		{"Origin", "http://127.0.0.1:7400", true},
		{"Origin", "http://evil.example", false},
		{"Origin", "http://127.0.0.1:9999", false},
		{"Origin", "null", false},
		{"Authorization", "", false},
		{"Authorization", "Bearer", false},
		{"Authorization", "Bearer " + secret[:len(secret)-1], false},
		{"Authorization", "Bearer " + secret + "x", false},
		{"Authorization", "Basic " + secret, false},
		{"Authorization", "bearer " + secret, true},
	} {
		for _, path := range []string{"/v1/status", "/metrics", "/v1/openapi.json"} {
			w := askTCP(t, apitest.NewFake(), "GET", path, "", set(c.key, c.value))
			if c.ok != (w.Code == 200) {
				t.Errorf("%s with %s %q: %d", path, c.key, c.value, w.Code)
			}
			if !c.ok {
				wantProblem(t, w, 401, api.CodeUnauthorized, "")
			}
		}
	}
	// Without access one does not even learn what exists.
	wantProblem(t, askTCP(t, apitest.NewFake(), "GET", "/nothing", "", set("Authorization", "")), 401, api.CodeUnauthorized, "token")
	wantProblem(t, askTCP(t, apitest.NewFake(), "POST", "/v1/identity/export", ""), 401, api.CodeUnauthorized, "Unix socket")
	if w := ask(t, apitest.NewFake(), "POST", "/v1/identity/export", ""); w.Code != 200 {
		t.Errorf("identity through the Unix socket: %d %s", w.Code, w.Body)
	}
}

// TestPreflight: a listed origin's browser may ask first, without a token.
func TestPreflight(t *testing.T) {
	w := askTCP(t, apitest.NewFake(), "OPTIONS", "/v1/run", "", func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header.Set("Origin", "https://console.example")
		r.Header.Set("Access-Control-Request-Method", "POST")
	})
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "https://console.example" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// failing is a node that fails in ways that are its own fault.
type failing struct {
	*apitest.Fake
	fail func() error
}

// Doctor fails.
func (f failing) Doctor(_ context.Context) (api.Diagnosis, error) { return api.Diagnosis{}, f.fail() }

// TestDefectsStayInside: what a backend did not mean for the user is logged,
// not shown, and a panic takes nobody else down.
func TestDefectsStayInside(t *testing.T) {
	for _, fail := range []func() error{
		func() error { return errors.New("secret: /home/me") },
		func() error { panic("secret: /home/me") },
	} {
		w := ask(t, failing{apitest.NewFake(), fail}, "GET", "/v1/doctor", "")
		wantProblem(t, w, 500, api.CodeInternal, "log")
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("the answer tells %s", w.Body)
		}
	}
}

// TestMetrics: requests are counted by operation and status.
func TestMetrics(t *testing.T) {
	s, err := api.NewServer(apitest.NewFake(), api.Config{Build: api.Version{Version: "0.1.0"}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) string {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, api.Locally(httptest.NewRequest("GET", path, nil)))
		return w.Body.String()
	}
	get("/v1/status")
	get("/v1/status")
	get("/v1/nodes/nobody")
	text := get("/metrics")
	for _, want := range []string{
		`caravela_api_requests_total{operation="status",status="200"} 2`,
		`caravela_api_requests_total{operation="node",status="404"} 1`,
		`caravela_api_request_seconds_count{operation="status"} 2`,
		`caravela_build_info{commit="",go_version="",version="0.1.0"} 1`,
		`caravela_api_open_requests 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
