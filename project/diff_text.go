package project

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PlanLine sums changes up: "Plan: 2 to add, 1 to change (1 restart), 0 to remove".
func (c *Changes) PlanLine() string {
	return "Plan: " + c.Summary.text()
}

// text says "2 to add, 1 to change (1 restart), 0 to remove".
func (s Summary) text() string {
	restarts := ""
	switch {
	case s.Restarts == 1:
		restarts = " (1 restart)"
	case s.Restarts > 1:
		restarts = fmt.Sprintf(" (%d restarts)", s.Restarts)
	}
	return fmt.Sprintf("%d to add, %d to change%s, %d to remove", s.Added, s.Updated, restarts, s.Removed)
}

// diffItem is a changed object as a list shows it.
type diffItem struct {
	ObjectChange
	kind string
}

// ordered returns all changes, the worst first: removals, replacements,
// restarts, other updates, additions.
func (c *Changes) ordered() []diffItem {
	var out []diffItem
	collect := func(kind string, o ObjectChanges) {
		for _, list := range [][]ObjectChange{o.Removed, o.Updated, o.Added} {
			for _, change := range list {
				out = append(out, diffItem{change, kind})
			}
		}
	}
	collect("component", c.Components)
	collect("event source", c.EventSources)
	slices.SortStableFunc(out, func(a, b diffItem) int { return a.weight() - b.weight() })
	return out
}

func (l *diffItem) weight() int {
	switch l.Impact {
	case ImpactRoute, ImpactSchedule:
		return slices.Index(impactOrder, ImpactNone)
	}
	return slices.Index(impactOrder, l.Impact)
}

func (l *diffItem) sign() string {
	switch l.Impact {
	case ImpactRemoval:
		return "-"
	case ImpactReplacement:
		return "-/+"
	case ImpactAddition:
		return "+"
	}
	return "~"
}

// diffPalette colours text for a terminal; without colour it leaves it alone.
type diffPalette bool

func (p diffPalette) paint(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p diffPalette) sign(l *diffItem) string {
	code := "33" // yellow
	switch l.Impact {
	case ImpactRemoval, ImpactReplacement:
		code = "31" // red
	case ImpactAddition:
		code = "32" // green
	}
	return p.paint(code, fmt.Sprintf("%3s", l.sign()))
}

func (p diffPalette) dim(text string) string { return p.paint("2", text) }

// Text writes changes for people, the worst first, with the plan line at the
// end.
func (c *Changes) Text(w io.Writer, colour bool) error {
	var b strings.Builder
	diffPalette(colour).changes(&b, c)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	return nil
}

func (p diffPalette) changes(b *strings.Builder, c *Changes) {
	start := b.Len()
	for _, l := range c.ordered() {
		p.object(b, &l)
	}
	if b.Len() > start {
		b.WriteString("\n")
	}
	for _, note := range c.Notes {
		fmt.Fprintf(b, "%s %s\n", p.paint("36", "Note:"), note)
	}
	b.WriteString(p.paint("1", c.PlanLine()) + "\n")
}

// after is text behind a separator, or nothing.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

func (p diffPalette) object(b *strings.Builder, l *diffItem) {
	fmt.Fprintf(b, "%s %s %s", p.sign(l), l.kind, p.paint("1", l.Name))
	switch l.Impact {
	case ImpactRemoval, ImpactAddition:
		b.WriteString(p.dim(" (" + diffLine(l.Detail) + ")" + after("  ", diffWhere(l.File, l.Line, l.Side))))
	default:
		b.WriteString(": " + string(l.Impact))
	}
	b.WriteString("\n")
	for _, change := range l.Changes {
		fmt.Fprintf(b, "      %s: %s -> %s%s\n", diffLine(change.Field), diffValue(change.Old), diffValue(change.New), p.dim(after("  ", diffWhere(change.File, change.Line, change.Side))))
	}
	if len(l.Next) > 0 {
		fmt.Fprintf(b, "      fires next: %s\n", l.fireTimes())
	}
}

func (l *diffItem) fireTimes() string {
	var texts []string
	for _, t := range l.Next {
		texts = append(texts, t.Format("Mon 2006-01-02 15:04:05 -07:00"))
	}
	all := strings.Join(texts, ", ")
	if l.Zone != "" {
		all += " (" + diffLine(l.Zone) + ")"
	}
	return all
}

// diffWhere is where something stands, said of the old revision where it is
// gone.
func diffWhere(file string, line int, side Side) string {
	switch {
	case file == "":
		return ""
	case side == SideOld:
		return fmt.Sprintf("%s:%d, before", diffLine(file), line)
	}
	return fmt.Sprintf("%s:%d", diffLine(file), line)
}

// diffValue is a value as a diff shows it; "(none)" where there is none.
func diffValue(value any) string {
	switch v := value.(type) {
	case nil:
		return "(none)"
	case string:
		if v == "" {
			return "(empty)"
		}
		return diffLine(v)
	case float64: // what every number is after its way through JSON
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// longestShown is how many runes of a value are shown.
const longestShown = 200

// diffLine is text on one line of sensible length, without anything that a
// terminal would act upon.
func diffLine(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if utf8.RuneCountInString(text) > longestShown {
		text = string([]rune(text)[:longestShown]) + "…"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.TrimSpace(text) != text {
		return strconv.Quote(text)
	}
	return text
}
