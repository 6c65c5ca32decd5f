package scenario

import (
	"fmt"
	"strings"
)

// lines says on which line each key of a TOML text stands. Keys of lists of
// tables carry their number: "machine[2].share". It is made only from text
// that the decoder has accepted, and is only as exact as a message needs:
// what stands within a value of several lines has the line of its key.
type lines map[string]int

func linesOf(text string) lines {
	at, count := lines{}, map[string]int{}
	section, depth, block := "", 0, ""
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case block != "": // within a text of several lines
			if strings.Contains(line, block) {
				block = ""
			}
			continue
		case depth > 0: // within a list of several lines
			depth += brackets(line)
			continue
		case strings.HasPrefix(trimmed, "[["):
			name := clean(trimmed)
			count[name]++
			section = fmt.Sprintf("%s[%d]", name, count[name])
			at.note(section, i+1)
			at.note(name, i+1)
			section += "."
			continue
		case strings.HasPrefix(trimmed, "["):
			section = clean(trimmed)
			at.note(section, i+1)
			section += "."
			continue
		}
		key, value, ok := strings.Cut(trimmed, "=")
		if !ok || strings.HasPrefix(trimmed, "#") {
			continue
		}
		at.note(section+clean(key), i+1)
		for _, quote := range []string{`"""`, "'''"} {
			if strings.Count(value, quote) == 1 {
				block = quote
			}
		}
		depth = brackets(value)
	}
	return at
}

func (l lines) note(key string, line int) {
	if _, ok := l[key]; !ok {
		l[key] = line
	}
}

// of returns a key's line, or that of what holds it; 0 where nothing does.
func (l lines) of(key string) int {
	for key != "" {
		if n, ok := l[key]; ok {
			return n
		}
		if short, ok := strings.CutSuffix(key, "]"); ok { // latency[2] -> latency
			key = short[:strings.LastIndexByte(short, '[')]
			continue
		}
		key = key[:max(0, strings.LastIndexByte(key, '.'))]
	}
	return 0
}

// clean takes brackets, quotes and blanks from a key.
func clean(key string) string {
	if i := strings.IndexByte(key, '#'); i >= 0 {
		key = key[:i]
	}
	return strings.NewReplacer("[", "", "]", "", `"`, "", "'", "", " ", "", "\t", "", "\r", "").Replace(key)
}

// brackets counts those that a line opens and does not close, outside of
// texts and comments.
func brackets(line string) (depth int) {
	var quote byte
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			return depth
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
	}
	return depth
}
