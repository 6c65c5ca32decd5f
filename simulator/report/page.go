package report

import (
	_ "embed" // the page's form
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed page.html
var pageForm string

// pageOf writes report.html: nothing in it is loaded from elsewhere.
func pageOf(w io.Writer, s *Summary, plots []Plot) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"svg":     func(s string) template.HTML { return template.HTML(s) }, //nolint:gosec // drawn by this package
		"percent": func(v float64) string { return fmt.Sprintf("%.2f %%", 100*v) },
		"figure":  figure,
		"perhaps": func(v *float64) string {
			if v == nil {
				return "not measured"
			}
			return figure(*v)
		},
	}).Parse(pageForm)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		*Summary
		Plots []Plot
	}{s, plots})
}

// figure writes a number as people read it: thousands apart, few decimals.
func figure(v any) string {
	var text string
	switch v := v.(type) {
	case float64:
		switch {
		case v >= 1000 || v == math.Trunc(v):
			text = fmt.Sprintf("%.0f", v)
		case v >= 10:
			text = fmt.Sprintf("%.1f", v)
		default:
			return fmt.Sprintf("%.4g", v)
		}
	default:
		text = fmt.Sprint(v)
	}
	whole, rest, decimals := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u2009" + whole[i:]
	}
	if decimals {
		return whole + "." + rest
	}
	return whole
}
