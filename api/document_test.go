package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
)

var update = flag.Bool("update", false, "rewrite openapi.json")

// TestOpenAPI: the OpenAPI document is what the table of routes, the Go types
// and their comments say.
func TestOpenAPI(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(document, want) {
		t.Fatal("openapi.json is stale: run go test ./api -run TestOpenAPI -update, and look at the difference")
	}
}

// TestDocumentHoldsRoutes: the router serves what the document lists, and the
// other way round.
func TestDocumentHoldsRoutes(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		t.Fatal(err)
	}
	var listed, served []string
	for path, ops := range doc.Paths {
		for method := range ops {
			if method != "parameters" {
				listed = append(listed, strings.ToUpper(method)+" "+path)
			}
		}
	}
	s, err := NewServer(nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.router().Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		methods, _ := r.GetMethods() // none: the route that answers 405
		for _, m := range methods {
			served = append(served, m+" "+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(listed)
	slices.Sort(served)
	if !slices.Equal(listed, served) {
		t.Errorf("document lists\n%s\nrouter serves\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}

// TestRoutesHoldBackend: every method of Backend has one route of its name.
func TestRoutesHoldBackend(t *testing.T) {
	var methods, routed []string
	for m := range reflect.TypeFor[Backend]().Methods() {
		methods = append(methods, m.Name)
	}
	for _, rt := range routes() {
		if rt.kind != kindFile {
			routed = append(routed, methodName(rt.id))
		}
	}
	slices.Sort(routed)
	if !slices.Equal(methods, routed) {
		t.Errorf("methods %v\nroutes  %v", methods, routed)
	}
}

func methodName(id string) string { return strings.ToUpper(id[:1]) + id[1:] }

// object is a JSON object; encoding sorts its keys.
type object = map[string]any

// generator collects schemas while operations refer to them.
type generator struct {
	t       *testing.T
	docs    map[string]string   // "Type", "Type.Field", "Type.Method" -> comment
	enums   map[string][]string // string type -> its constants
	schemas object
}

// required lists what a request must say. Answers always have every field that
// is not omitted when empty.
var required = map[string][]string{
	"RunRequest": {"spec"}, "Spec": {"image", "resources"}, "Resources": {"milli_cpu", "memory_bytes"},
	"Policy": {}, "HealthCheck": {}, "Port": {"container_port"}, "Mount": {"target"}, "SearchRequest": {"resources"},
	"LeaveRequest": {}, "TokenRequest": {}, "SettingRequest": {"value"}, "StopRequest": {}, "KillRequest": {},
	"Size": {"rows", "columns"}, "ExecRequest": {"command"}, "AttachRequest": {},
	"QuoteRequest": {"spec"}, "RenewRequest": {}, "ReclaimRequest": {}, "PauseRequest": {}, "PriceRequest": {},
	"SettleRequest": {"amount_micro"}, "CreditRequest": {}, "PeerRequest": {},
}

func generate(t *testing.T) []byte {
	g := &generator{t: t, docs: map[string]string{}, enums: map[string][]string{}, schemas: object{}}
	g.readComments()
	paths := map[string]object{}
	for _, rt := range routes() {
		if paths[rt.path] == nil {
			paths[rt.path] = object{}
			if i := strings.IndexByte(rt.path, '{'); i >= 0 {
				name, _, _ := strings.Cut(rt.path[i+1:], "}")
				paths[rt.path]["parameters"] = []object{{"name": name, "in": "path", "required": true, "schema": object{"type": "string", "maxLength": 256}}}
			}
		}
		paths[rt.path][strings.ToLower(rt.method)] = g.operation(rt)
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Caravela node", "version": "1", "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "What a node offers to its local user. Quantities are integers with the unit in their name; dates are RFC 3339 in UTC. " +
				"Every failure is problem+json with a code of a closed set. Streams of JSON lines end with a line {\"error\": problem} when they " +
				"fail after their first line; blank lines keep them alive.",
		},
		"servers":  []object{{"url": "http://localhost", "description": "the Unix socket, which needs no token, or a TCP address, which does"}},
		"security": []object{{}, {"token": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas":         g.schemas,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}},
			"responses": object{"Problem": object{
				"description": "It failed; code says how, next says what to try.",
				"content":     object{problemType: object{"schema": g.schema(reflect.TypeFor[Error]())}},
			}},
		},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (g *generator) operation(rt route) object {
	op := object{"operationId": rt.id, "summary": g.summary(rt), "responses": g.responses(rt)}
	if rt.local {
		op["description"] = "Through the Unix socket only."
	}
	if len(rt.params) > 0 {
		var params []object
		for _, p := range rt.params {
			params = append(params, object{"name": p.name, "in": "query", "schema": formSchema(p.form)})
		}
		op["parameters"] = params
	}
	if rt.in != nil {
		op["requestBody"] = object{"required": rt.needed, "content": object{jsonType: object{"schema": g.schema(rt.in)}}}
	}
	return op
}

func (g *generator) summary(rt route) string {
	switch rt.id {
	case "document":
		return "This document."
	case "metrics":
		return "Metrics in Prometheus' text format."
	}
	doc := g.docs["Backend."+methodName(rt.id)]
	if doc == "" {
		g.t.Errorf("Backend.%s has no comment", methodName(rt.id))
	}
	return doc
}

func (g *generator) responses(rt route) object {
	frames := "Frames: one byte of type, four bytes of length, payload."
	content := func(mediaType string, schema any) object { return object{mediaType: object{"schema": schema}} }
	r := object{"default": object{"$ref": "#/components/responses/Problem"}}
	switch rt.kind {
	case kindAnswer:
		r["200"] = object{"description": "The answer.", "content": content(jsonType, g.schema(rt.out))}
	case kindAction:
		r["204"] = object{"description": "Done."}
	case kindLines:
		r["200"] = object{"description": "One JSON object a line.", "content": content(linesType, g.schema(rt.out))}
	case kindFrames:
		r["200"] = object{"description": frames, "content": content(framesType, object{})}
	case kindUpgrade:
		r["101"] = object{"description": "The request had Upgrade: " + upgradeProtocol + ". " + frames}
	case kindDownload:
		r["200"] = object{"description": "The file.", "content": content(rt.media, object{})}
	case kindFile:
		r["200"] = object{"description": "The content."}
	}
	return r
}

func formSchema(f paramForm) object {
	switch f {
	case formList:
		return object{"type": "array", "items": object{"type": "string"}}
	case formTime:
		return object{"type": "string", "format": "date-time"}
	}
	return object{"type": string(f)}
}

// schema returns the schema of a type, or a reference to it.
func (g *generator) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t.Kind() == reflect.Struct:
		if _, known := g.schemas[t.Name()]; !known {
			g.schemas[t.Name()] = object{} // stops recursion
			g.schemas[t.Name()] = g.structSchema(t)
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.schema(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": g.schema(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Uint16:
		return object{"type": "integer", "minimum": 0, "maximum": 65535}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.String:
		if values := g.enums[t.Name()]; values != nil {
			return object{"type": "string", "enum": values}
		}
		return object{"type": "string"}
	}
	g.t.Fatalf("no schema for %v", t)
	return nil
}

func (g *generator) structSchema(t reflect.Type) object {
	props, must := object{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, opts, tagged := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			continue
		}
		if name == "" {
			g.t.Fatalf("%s.%s has no JSON name", t.Name(), f.Name)
		}
		optional := tagged && strings.Contains(opts, "omitzero")
		p := g.schema(f.Type)
		if f.Type.Kind() == reflect.Pointer && !optional {
			p = object{"anyOf": []object{p, {"type": "null"}}}
		}
		if doc := g.docs[g.owner(t, f)+"."+f.Name]; doc != "" {
			p["description"] = doc
		}
		props[name] = p
		if !optional {
			must = append(must, name)
		}
	}
	if r, request := required[t.Name()]; request {
		must = r
	}
	out := object{"type": "object", "properties": props}
	if doc := g.docs[t.Name()]; doc != "" {
		out["description"] = doc
	} else {
		g.t.Errorf("%s has no comment", t.Name())
	}
	if len(must) > 0 {
		out["required"] = must
	}
	return out
}

// owner returns the name of the struct that declares a promoted field.
func (g *generator) owner(t reflect.Type, f reflect.StructField) string {
	for _, i := range f.Index[:len(f.Index)-1] {
		t = t.Field(i).Type
	}
	return t.Name()
}

// readComments fills docs and enums from the package's source.
func (g *generator) readComments() {
	files, err := filepath.Glob("*.go")
	if err != nil {
		g.t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			g.t.Fatal(err)
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.GenDecl); ok {
				g.readDecl(d)
			}
		}
	}
}

func (g *generator) readDecl(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			g.docs[s.Name.Name] = words(d.Doc)
			switch t := s.Type.(type) {
			case *ast.StructType:
				g.readFields(s.Name.Name, t.Fields)
			case *ast.InterfaceType:
				g.readFields("Backend", t.Methods)
			}
		case *ast.ValueSpec:
			kind, ok := s.Type.(*ast.Ident)
			if !ok || len(s.Values) != 1 {
				continue
			}
			if lit, ok := s.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				v, err := strconv.Unquote(lit.Value)
				if err != nil {
					g.t.Fatal(err)
				}
				g.enums[kind.Name] = append(g.enums[kind.Name], v)
			}
		}
	}
}

func (g *generator) readFields(owner string, fields *ast.FieldList) {
	for _, f := range fields.List {
		doc := words(f.Doc)
		if doc == "" {
			doc = words(f.Comment)
		}
		for _, name := range f.Names {
			g.docs[owner+"."+name.Name] = doc
		}
	}
}

// words joins a comment's lines.
func words(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// TestCodes: the table has every code once, and nothing else.
func TestCodes(t *testing.T) {
	g := &generator{t: t, docs: map[string]string{}, enums: map[string][]string{}}
	g.readComments()
	seen := map[string]int{}
	for _, row := range codes {
		seen[string(row.code)]++
		if http.StatusText(row.status) == "" || row.title == "" {
			t.Errorf("%s: status %d, title %q", row.code, row.status, row.title)
		}
	}
	if want := g.enums["Code"]; len(want) != len(codes) || len(seen) != len(codes) {
		t.Errorf("constants %v, table %v", want, slices.Sorted(maps.Keys(seen)))
	}
	if e := fmt.Sprint((&Error{Code: "made up"}).complete().Code); e != string(CodeInternal) {
		t.Errorf("an unknown code becomes %s", e)
	}
}
