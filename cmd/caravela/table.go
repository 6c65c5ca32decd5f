package main

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table collects rows and writes them in aligned columns.
type table struct {
	wide   bool // show the columns whose head begins with '+'
	heads  []string
	rows   [][]string
	paint  map[int]string // row -> SGR code of its first cell
	footer string         // written below, as it is
}

// columns names the columns; "+NAME" is for -o wide only.
func (t *table) columns(heads ...string) { t.heads = heads }

// row adds a row, one cell a column.
func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// pair adds a row of a table without heads: a name and a value.
func (t *table) pair(name, value string) {
	if value != "" {
		t.row(name, value)
	}
}

func (t *table) write(w io.Writer) error {
	rows := t.rows
	if len(t.heads) > 0 {
		rows = append([][]string{t.heads}, rows...)
	}
	var shown [][]string
	for _, row := range rows {
		var cells []string
		for i, cell := range row {
			hidden := i < len(t.heads) && strings.HasPrefix(t.heads[i], "+") && !t.wide
			if !hidden {
				cells = append(cells, printable(cell))
			}
		}
		shown = append(shown, cells)
	}
	if len(t.heads) > 0 {
		for i, head := range shown[0] {
			shown[0][i] = strings.TrimPrefix(head, "+")
		}
	}
	text := align(shown)
	if len(t.paint) > 0 {
		text = t.painted(text, shown)
	}
	_, err := io.WriteString(w, text+t.footer)
	return err
}

// painted colours first cells, after they were aligned. Painted tables have
// no heads.
func (t *table) painted(text string, shown [][]string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, code := range t.paint {
		first := shown[i][0]
		lines[i] = "\x1b[" + code + "m" + first + "\x1b[0m" + strings.TrimPrefix(lines[i], first)
	}
	return strings.Join(lines, "")
}

// align pads all but the last cell of each row to its column's width.
func align(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell
			if i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+3)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// printable keeps what other nodes have written from moving the cursor, and
// marks an empty cell.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	return harmless(s, "")
}

// harmless replaces what is not a visible character, but for those in keep.
func harmless(s, keep string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || strings.ContainsRune(keep, r) {
			return r
		}
		return '?'
	}, s)
}
