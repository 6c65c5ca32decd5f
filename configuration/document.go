package configuration

import (
	"fmt"
	"strings"
)

// document is a TOML text with the places of its keys, so that one value can
// be replaced without touching the comments around it. It is made only from
// text that the TOML decoder has accepted.
type document struct {
	text     string
	entries  []entry
	sections []section
}

// entry is one "key = value" of the text.
type entry struct {
	key        string // full, with its section: "offer.cpus"
	line       int    // 1 is the first
	start, end int    // of the value, in bytes
}

// section is one "[header]".
type section struct {
	name string
	line int
	end  int // where a further entry goes: after the header or its last entry
}

func parseDocument(text string) document {
	d := document{text: text}
	for pos := skipBlank(text, 0); pos < len(text); pos = skipBlank(text, pos) {
		if text[pos] == '[' {
			pos = d.addSection(pos)
		} else {
			pos = d.addEntry(pos)
		}
	}
	return d
}

func (d *document) addSection(pos int) int {
	end := lineEnd(d.text, pos)
	header := d.text[pos:end]
	if close := strings.IndexByte(header, ']'); close >= 0 {
		header = header[:close]
	}
	name := bareKey(strings.TrimLeft(header, "["))
	d.sections = append(d.sections, section{name: name, line: d.lineAt(pos), end: end})
	return end
}

func (d *document) addEntry(pos int) int {
	equals := scan(d.text, pos, '=')
	start := min(equals+1, len(d.text))
	for start < len(d.text) && (d.text[start] == ' ' || d.text[start] == '\t') {
		start++
	}
	end := scan(d.text, start, '\n')
	e := entry{key: bareKey(d.text[pos:equals]), line: d.lineAt(pos), start: start}
	e.end = start + len(strings.TrimRight(d.text[start:end], " \t\r"))
	next := lineEnd(d.text, end)
	if n := len(d.sections); n > 0 {
		e.key = d.sections[n-1].name + "." + e.key
		d.sections[n-1].end = next
	}
	d.entries = append(d.entries, e)
	return next
}

func (d *document) lineAt(pos int) int { return 1 + strings.Count(d.text[:pos], "\n") }

// line returns where key was written: its own line, else that of the entry or
// section that holds it, 0 where nothing does.
func (d *document) line(key string) int {
	for {
		for _, e := range d.entries {
			if e.key == key {
				return e.line
			}
		}
		for _, s := range d.sections {
			if s.name == key {
				return s.line
			}
		}
		dot := strings.LastIndexByte(key, '.')
		if dot < 0 {
			return 0
		}
		key = key[:dot]
	}
}

// with returns the text with key set to a TOML literal: in place where the key
// is written already, else at the end of its section, else in a new section.
func (d *document) with(key, literal string) (string, error) {
	parent, name := key[:strings.LastIndexByte(key, '.')], key[strings.LastIndexByte(key, '.')+1:]
	for _, e := range d.entries {
		switch {
		case e.key == key:
			return d.text[:e.start] + literal + d.text[e.end:], nil
		case e.key == parent || strings.HasPrefix(e.key, key+"."):
			return "", fmt.Errorf("%s is written in another form at line %d; change it there by hand", key, e.line)
		}
	}
	for _, s := range d.sections {
		switch s.name {
		case key:
			return "", fmt.Errorf("%s is written as a section at line %d; change it there by hand", key, s.line)
		case parent:
			return d.text[:s.end] + "\n" + name + " = " + literal + d.text[s.end:], nil
		}
	}
	for _, e := range d.entries {
		// A table that dotted keys have made may not be opened again.
		if strings.HasPrefix(e.key, parent+".") {
			return "", fmt.Errorf("%s is written with dots at line %d; add %s there by hand", e.key, e.line, key)
		}
	}
	text := d.text
	if text != "" {
		text = strings.TrimRight(text, "\n") + "\n\n"
	}
	return text + "[" + parent + "]\n" + name + " = " + literal + "\n", nil
}

// bareKey removes blanks and quotes from a dotted key.
func bareKey(s string) string {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \t\r\"'")
	}
	return strings.Join(parts, ".")
}

func skipBlank(text string, pos int) int {
	for pos < len(text) {
		switch text[pos] {
		case ' ', '\t', '\r', '\n':
			pos++
		case '#':
			pos = lineEnd(text, pos)
		default:
			return pos
		}
	}
	return pos
}

func lineEnd(text string, pos int) int {
	if i := strings.IndexByte(text[pos:], '\n'); i >= 0 {
		return pos + i
	}
	return len(text)
}

// scan returns where stop stands outside of strings, brackets and comments; a
// comment at bracket depth 0 ends the search too.
func scan(text string, pos int, stop byte) int {
	depth := 0
	for pos < len(text) {
		c := text[pos]
		switch {
		case c == '"' || c == '\'':
			pos = skipString(text, pos)
			continue
		case depth == 0 && (c == stop || c == '#'):
			return pos
		case c == '#':
			pos = lineEnd(text, pos)
			continue
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
		pos++
	}
	return pos
}

// skipString returns the position after the string that begins at pos.
func skipString(text string, pos int) int {
	quote := text[pos : pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text[pos:], triple) {
		quote = triple
	}
	for pos += len(quote); pos < len(text); pos++ {
		switch {
		case text[pos] == '\\' && quote[0] == '"':
			pos++
		case strings.HasPrefix(text[pos:], quote):
			for pos += len(quote); len(quote) == 3 && pos < len(text) && text[pos] == quote[0]; pos++ {
			}
			return pos
		}
	}
	return len(text)
}
