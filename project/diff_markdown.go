package project

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// markdownLimit keeps a comment below what code hosting sites accept, in bytes.
const markdownLimit = 60_000

// Markdown writes changes as a comment for a pull request, the worst first. It
// is at most 60 kB long: what does not fit is counted.
func (c *Changes) Markdown(w io.Writer) error {
	m := markdown{sections: []*markdownSection{newMarkdownSection(c, "")}}
	return m.write(w)
}

// markdown is a comment: what stands on top, and a section for each project.
type markdown struct {
	head     string
	sections []*markdownSection
	foot     string
}

// markdownSection is one project of a comment.
type markdownSection struct {
	head  string
	items []markdownItem
	name  string
	shown []string
}

type markdownItem struct {
	weight int
	text   string
}

const (
	longestNotes   = markdownLimit / 12 // of one project
	longestObject  = markdownLimit / 4  // how much of a comment one object may take
	longestMissing = markdownLimit / 12 // for the names of the projects that are left out
	sectionTail    = 60                 // what a section needs to say how much it lacks
)

func newMarkdownSection(c *Changes, status string) *markdownSection {
	var b strings.Builder
	fmt.Fprintf(&b, "### Project %s%s\n\n**%s**\n", codeSpan(diffLine(c.Project)), status, c.PlanLine())
	for i, note := range c.Notes {
		line := fmt.Sprintf("\n> %s\n", markdownText(note))
		if b.Len()+len(line) > longestNotes {
			fmt.Fprintf(&b, "\n> … and %d more notes\n", len(c.Notes)-i)
			break
		}
		b.WriteString(line)
	}
	b.WriteString("\n")
	s := &markdownSection{head: b.String(), name: c.Project}
	for _, l := range c.ordered() {
		s.items = append(s.items, markdownItem{l.weight(), l.markdown()})
	}
	return s
}

// write chooses what fits, the worst of all projects first, and writes it
// project by project.
func (m *markdown) write(w io.Writer) error {
	missing := m.choose()
	var b strings.Builder
	b.WriteString(m.head)
	for i, s := range m.sections {
		if len(s.shown) == 0 && len(s.items) > 0 {
			continue
		}
		if i > 0 || m.head != "" {
			b.WriteString("\n")
		}
		b.WriteString(s.head)
		for _, text := range s.shown {
			b.WriteString(text)
		}
		if left := len(s.items) - len(s.shown); left > 0 {
			fmt.Fprintf(&b, "\n… and %d more, not shown.\n", left)
		}
	}
	b.WriteString(missing + m.foot)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	return nil
}

// choose fills in what is shown of each section and says what is missing.
func (m *markdown) choose() (missing string) {
	type candidate struct {
		section *markdownSection
		item    markdownItem
	}
	var all []candidate
	for _, s := range m.sections {
		for _, item := range s.items {
			all = append(all, candidate{s, item})
		}
		if len(s.items) == 0 {
			s.items = []markdownItem{} // shown as it is, if it fits
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.item.weight, b.item.weight) })
	left := markdownLimit - len(m.head) - len(m.foot) - longestMissing
	for i, c := range all {
		need := len(c.item.text)
		if len(c.section.shown) == 0 {
			need += len(c.section.head) + 1 + sectionTail
		}
		if need > left {
			return m.missing(len(all) - i)
		}
		left -= need
		c.section.shown = append(c.section.shown, c.item.text)
	}
	return ""
}

// missing names what a reader would look for in vain.
func (m *markdown) missing(count int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n… and %d more, not shown: this comment would be too long.", count)
	var names []string
	for _, s := range m.sections {
		if len(s.shown) == 0 {
			names = append(names, s.name)
		}
	}
	if len(names) > 0 {
		b.WriteString(" Nothing is shown of")
	}
	for i, name := range names {
		text := " " + codeSpan(diffLine(name))
		if b.Len()+len(text) > longestMissing-sectionTail {
			fmt.Fprintf(&b, " and %d more projects", len(names)-i)
			break
		}
		b.WriteString(text)
	}
	b.WriteString("\n")
	return b.String()
}

func (l *diffItem) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- %s %s %s", codeSpan(l.sign()), l.kind, codeSpan(diffLine(l.Name)))
	switch l.Impact {
	case ImpactRemoval, ImpactAddition:
		fmt.Fprintf(&b, " (%s)%s\n", codeSpan(diffLine(l.Detail)), after(" — ", markdownText(diffWhere(l.File, l.Line, l.Side))))
	default:
		fmt.Fprintf(&b, ": **%s**\n", l.Impact)
	}
	for i, change := range l.Changes {
		line := fmt.Sprintf("  - %s: %s → %s%s\n", codeSpan(diffLine(change.Field)), codeSpan(diffValue(change.Old)), codeSpan(diffValue(change.New)),
			after(" — ", markdownText(diffWhere(change.File, change.Line, change.Side))))
		if b.Len()+len(line) > longestObject {
			fmt.Fprintf(&b, "  - … and %d more fields\n", len(l.Changes)-i)
			break
		}
		b.WriteString(line)
	}
	if len(l.Next) > 0 {
		fmt.Fprintf(&b, "  - fires next: %s\n", markdownText(l.fireTimes()))
	}
	return b.String()
}

// codeSpan is text of one line as a code span, whatever backticks it holds.
func codeSpan(text string) string {
	if strings.TrimSpace(text) == "" {
		return "` `"
	}
	longest, run := 0, 0
	for _, r := range text {
		if run++; r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	pad := ""
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		pad = " "
	}
	return fence + pad + text + pad + fence
}

var markdownEscaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "~", `\~`, "&", "&amp;", "<", "&lt;", ">", "&gt;",
	"[", `\[`, "]", `\]`, "!", `\!`, "@", "@\u200b", "|", `\|`, "#", `\#`, "://", ":\u200b//", "www.", "www\u200b.",
)

// longestText is how many runes of a message a comment shows.
const longestText = 500

// markdownText makes text stand for itself on one line, link nowhere and
// mention nobody.
func markdownText(text string) string {
	if utf8.RuneCountInString(text) > longestText {
		text = string([]rune(text)[:longestText]) + "…"
	}
	return markdownEscaper.Replace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text))
}
