package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// style colours text, or leaves it plain.
type style struct{ on bool }

func (s style) paint(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string   { return s.paint("1", text) }
func (s style) red(text string) string    { return s.paint("31", text) }
func (s style) green(text string) string  { return s.paint("32", text) }
func (s style) yellow(text string) string { return s.paint("33", text) }
func (s style) faint(text string) string  { return s.paint("2", text) }

// table prints rows in columns as wide as their widest cell.
type table struct {
	style style
	rows  [][]string
}

func newTable(s style, headers ...string) *table {
	return &table{style: s, rows: [][]string{headers}}
}

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = oneLine(cells[i])
	}
	t.rows = append(t.rows, cells)
}

func (t *table) write(w io.Writer) error {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			padded := cell
			if i < len(row)-1 {
				padded += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			}
			if n == 0 {
				padded = t.style.bold(padded)
			}
			line.WriteString(padded)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// oneLine is text without what would break a line or act upon a terminal: it
// may come from a container. Its lines are told apart by bars.
func oneLine(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(printable(line))
		switch {
		case line == "":
			continue
		case strings.HasSuffix(b.String(), ":"): // what it announces
			b.WriteByte(' ')
		case b.Len() > 0:
			b.WriteString(" | ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// orDash shows an absent value.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// age is how long ago a time was, in one unit.
func age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	d := max(time.Since(at), 0)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// ageOf is age for a time that may not be known.
func ageOf(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return age(*at)
}
