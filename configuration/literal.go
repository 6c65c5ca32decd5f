package configuration

import (
	"fmt"
	"strconv"
	"strings"
)

// setRaw sets what the TOML decoder made of a value.
func (s setting) setRaw(c *Config, raw any) error {
	switch v := raw.(type) {
	case string:
		if s.shape != table {
			return s.set(c, []string{v})
		}
	case int64:
		if s.shape == number {
			return s.set(c, []string{strconv.FormatInt(v, 10)})
		}
	case float64:
		if s.shape == number {
			return s.set(c, []string{strconv.FormatFloat(v, 'f', -1, 64)})
		}
	case bool:
		if s.shape == boolean {
			return s.set(c, []string{strconv.FormatBool(v)})
		}
	case []any:
		if s.shape == list {
			return s.setItems(c, v)
		}
	case map[string]any:
		if s.shape == table {
			return s.setTable(c, v)
		}
	}
	return fmt.Errorf("wants %s", s.shape.wants())
}

func (s setting) setItems(c *Config, raw []any) error {
	items := make([]string, len(raw))
	for i, r := range raw {
		v, ok := r.(string)
		if !ok {
			return fmt.Errorf("wants %s", s.shape.wants())
		}
		items[i] = v
	}
	return s.set(c, items)
}

func (s setting) setTable(c *Config, raw map[string]any) error {
	items := make([]string, 0, len(raw))
	for _, k := range sortedKeys(raw) {
		v, ok := raw[k].(string)
		if !ok {
			return fmt.Errorf("wants %s", s.shape.wants())
		}
		items = append(items, k+"="+v)
	}
	return s.set(c, items)
}

func (sh shape) wants() string {
	return [...]string{
		text:    `a text such as "512m"`,
		number:  "a number",
		boolean: "true or false",
		list:    `a list of texts, ["...", "..."]`,
		table:   `texts by key, { region = "eu" }`,
	}[sh]
}

// literal writes the setting's value of c as TOML.
func (s setting) literal(c *Config) string {
	v := s.get(c)
	switch s.shape {
	case list:
		return "[" + strings.Join(each(v, quote), ", ") + "]"
	case table:
		if len(v) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(each(v, func(e string) string {
			k, val, _ := strings.Cut(e, "=")
			return quoteKey(k) + " = " + quote(val)
		}), ", ") + " }"
	case number:
		if _, err := strconv.ParseFloat(v[0], 64); err == nil {
			return v[0]
		}
	case boolean:
		return v[0]
	}
	return quote(v[0])
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

func quoteKey(k string) string {
	for _, r := range k {
		bare := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
		if !bare {
			return quote(k)
		}
	}
	return k
}
