package node

import (
	"strings"
	"unicode"
)

// foreign is another node's text as a user may read it: one line of visible
// characters, so that it neither moves a cursor nor poses as a line of ours.
func foreign(s string, most int) string {
	visible := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || unicode.IsSpace(r) {
			return r
		}
		return '?'
	}, s)
	return clip(strings.Join(strings.Fields(visible), " "), most)
}

// foreignNext is another node's advice, if it is a command of caravela's and
// nothing else that a user might paste into a shell.
func foreignNext(s string) string {
	s = foreign(s, 256)
	if !strings.HasPrefix(s, "caravela ") || strings.ContainsAny(s, ";|&$`<>(){}\\\"'*?!#") {
		return ""
	}
	return s
}
