package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// checkOutput refuses an -o or --format that cannot be used, before anything
// is done.
func (a *app) checkOutput() error {
	switch a.flags.output {
	case "", "table", "wide", "json", "yaml":
	default:
		return advise(fmt.Errorf("-o %s is not known", a.flags.output), "-o table, wide, json or yaml")
	}
	if a.flags.format == "" {
		return nil
	}
	if a.flags.output != "" {
		return fmt.Errorf("-o and --format exclude each other")
	}
	_, err := a.template()
	return err
}

func (a *app) template() (*template.Template, error) {
	t, err := template.New("--format").Funcs(template.FuncMap{
		"json":  func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
		"join":  strings.Join,
		"upper": strings.ToUpper,
		"lower": strings.ToLower,
		"size":  size,
		"cpus":  cpus,
		"short": shortID,
		"ago":   a.ago,
	}).Parse(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(a.flags.format))
	if err != nil {
		return nil, advise(fmt.Errorf("--format: %w", err), "--format '{{.Name}}', or -o json to see the fields")
	}
	return t, nil
}

// show prints one answer: a slice as one array or one line an element, all
// else as one value; rows fills the table of the forms for people.
func (a *app) show(v any, rows func(*table)) error {
	switch {
	case a.flags.format != "":
		return a.showTemplate(v)
	case a.flags.output == "json":
		return writeJSON(a.out, v)
	case a.flags.output == "yaml":
		return writeYAML(a.out, v)
	}
	t := &table{wide: a.flags.output == "wide"}
	rows(t)
	return t.write(a.out)
}

// machine reports whether the output is for a program.
func (a *app) machine() bool {
	return a.flags.format != "" || a.flags.output == "json" || a.flags.output == "yaml"
}

// line prints one element of a stream, one line each; plain is for people.
func (a *app) line(v any, plain func(io.Writer)) error {
	switch {
	case a.flags.format != "":
		return a.showTemplate(v)
	case a.flags.output == "json":
		b, err := json.Marshal(v)
		if err == nil {
			_, err = fmt.Fprintf(a.out, "%s\n", b)
		}
		return err
	case a.flags.output == "yaml":
		if _, err := io.WriteString(a.out, "---\n"); err != nil {
			return err
		}
		return writeYAML(a.out, v)
	}
	var buf bytes.Buffer
	plain(&buf)
	_, err := a.out.Write(buf.Bytes())
	return err
}

func (a *app) showTemplate(v any) error {
	t, err := a.template()
	if err != nil {
		return err
	}
	items := []any{v}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice {
		items = make([]any, rv.Len())
		for i := range items {
			items[i] = rv.Index(i).Interface()
		}
	}
	for _, item := range items {
		var text strings.Builder
		if err := t.Execute(&text, item); err != nil {
			return advise(fmt.Errorf("--format: %w", err), "one of the fields %s", strings.Join(fields(item), " "))
		}
		if _, err := io.WriteString(a.out, harmless(text.String(), "\n\t")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// fields names what a template may ask of v.
func fields(v any) []string {
	t := reflect.TypeOf(v)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for _, f := range reflect.VisibleFields(t) {
		if f.IsExported() && !f.Anonymous {
			out = append(out, "."+f.Name)
		}
	}
	return out
}

func writeJSON(w io.Writer, v any) error {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice && rv.IsNil() {
		v = []any{} // a list is an array, even an empty one
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeYAML goes through JSON, of which YAML is a superset: the names and
// their order are the same in both.
func writeYAML(w io.Writer, v any) error {
	var buf bytes.Buffer
	if err := writeJSON(&buf, v); err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(buf.Bytes(), &node); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	unflow(&node)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&node); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return e.Close()
}

func unflow(n *yaml.Node) {
	if len(n.Content) > 0 {
		n.Style = 0
	}
	if n.Kind == yaml.ScalarNode {
		n.Style &^= yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		unflow(c)
	}
}
