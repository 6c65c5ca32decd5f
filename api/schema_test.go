package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
)

// openapi is the part of the document that the test needs.
type openapi struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Schemas map[string]*schema }
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Format     string
	Enum       []string
	Required   []string
	Properties map[string]*schema
	Items      *schema
	AnyOf      []*schema
}

// check says where v is not what the schema says; an unknown property is an
// error too.
func (o *openapi) check(at string, s *schema, v any) error {
	if s.Ref != "" {
		return o.check(at, o.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], v)
	}
	if len(s.AnyOf) > 0 {
		if v == nil {
			return nil
		}
		return o.check(at, s.AnyOf[0], v)
	}
	wrong := fmt.Errorf("%s: %v is not %s", at, v, s.Type)
	switch s.Type {
	case "":
		return nil
	case "object":
		m, ok := v.(map[string]any)
		if !ok {
			return wrong
		}
		return o.checkObject(at, s, m)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return wrong
		}
		for i, item := range list {
			if err := o.check(fmt.Sprintf("%s[%d]", at, i), s.Items, item); err != nil {
				return err
			}
		}
		return nil
	case "string":
		text, ok := v.(string)
		if !ok || s.Enum != nil && !slices.Contains(s.Enum, text) {
			return wrong
		}
		if s.Format == "date-time" {
			if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
				return wrong
			}
		}
		return nil
	case "integer":
		if n, ok := v.(json.Number); !ok || strings.ContainsAny(n.String(), ".eE") {
			return wrong
		}
		return nil
	case "boolean":
		if _, ok := v.(bool); !ok {
			return wrong
		}
		return nil
	}
	return fmt.Errorf("%s: a schema of type %q", at, s.Type)
}

func (o *openapi) checkObject(at string, s *schema, m map[string]any) error {
	for _, key := range s.Required {
		if _, ok := m[key]; !ok {
			return fmt.Errorf("%s: no %s", at, key)
		}
	}
	for key, v := range m {
		p := s.Properties[key]
		if p == nil {
			return fmt.Errorf("%s: %s is not in the document", at, key)
		}
		if err := o.check(at+"."+key, p, v); err != nil {
			return err
		}
	}
	return nil
}

// answerSchema returns the schema of an operation's answer, nil if it has none.
func answerSchema(t *testing.T, op json.RawMessage) *schema {
	var o struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	if err := json.Unmarshal(op, &o); err != nil {
		t.Fatal(err)
	}
	for _, c := range o.Responses["200"].Content {
		return c.Schema
	}
	return nil
}

// bodies are what operations with a body are asked with.
var bodies = map[string]string{
	"POST /v1/run":                           `{"spec":` + spec + `}`,
	"POST /v1/market/search":                 `{"resources":{"milli_cpu":100}}`,
	"POST /v1/market/explain":                `{"resources":{"milli_cpu":100,"memory_bytes":999999999999}}`,
	"PUT /v1/config/{key}":                   `{"value":"2"}`,
	"POST /v1/tokens":                        `{"name":"friends","expires_in_ms":1000}`,
	"POST /v1/leave":                         `{"force":true}`,
	"POST /v1/containers/{container}/resize": `{"rows":24,"columns":80}`,
	"POST /v1/quote":                         `{"spec":` + spec + `,"hold":true}`,
	"PUT /v1/offer/price":                    `{"core_hour_micro":30000}`,
	"POST /v1/offer/pause":                   `{"reason":"holidays"}`,
	"POST /v1/leases/{lease}/reclaim":        `{"now":true}`,
	"POST /v1/ledger/{peer}/settle":          `{"amount_micro":30}`,
	"PUT /v1/ledger/{peer}/credit":           `{"limit_micro":30,"unit":"credit"}`,
	"PUT /v1/peers/{peer}":                   `{"blocked":true}`,
}

// TestAnswersFitDocument: whatever the server answers has the fields that the
// document lists, all of them and no others.
func TestAnswersFitDocument(t *testing.T) {
	var doc openapi
	if err := json.Unmarshal(ask(t, apitest.NewFake(), "GET", "/v1/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for path, ops := range doc.Paths {
		delete(ops, "parameters")
		for method, op := range ops {
			s := answerSchema(t, op)
			if s == nil {
				continue
			}
			fake := apitest.NewFake()
			apitest.Start(t, fake, "web")
			apitest.Start(t, fake, "sold")
			settlement, err := fake.Settle(t.Context(), "cedar", api.SettleRequest{AmountMicro: 30})
			if err != nil {
				t.Fatal(err)
			}
			names := strings.NewReplacer("{container}", "web", "{node}", "cedar", "{offer}", "0c", "{key}", "offer.cpus", "{token}", "none",
				"{lease}", "sold", "{peer}", "cedar", "{settlement}", settlement.ID)
			if strings.HasSuffix(path, "/wait") {
				_ = fake.Kill(t.Context(), "web", api.KillRequest{})
			}
			what := strings.ToUpper(method) + " " + path
			w := ask(t, fake, strings.ToUpper(method), names.Replace(path)+query(path), bodies[what])
			if w.Code != 200 {
				t.Errorf("%s: %d %s", what, w.Code, w.Body)
				continue
			}
			if s.Type == "" && s.Ref == "" {
				continue // frames
			}
			d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
			d.UseNumber()
			for d.More() {
				var v any
				if err := d.Decode(&v); err != nil {
					t.Errorf("%s: %v", what, err)
					break
				}
				if err := doc.check(what, s, v); err != nil {
					t.Error(err)
				}
				checked++
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d answers checked", checked)
	}
}

// query makes events and ps answer with something.
func query(path string) string {
	switch path {
	case "/v1/events":
		return "?since=2020-01-01T00:00:00Z"
	case "/v1/containers":
		return "?all=true"
	}
	return ""
}
