package project

import (
	"fmt"
	"io"
	"strings"
)

// markdownLimit keeps a comment below what code hosting sites accept.
const markdownLimit = 60_000

// Markdown writes changes as a comment for a pull request, the worst first. It
// is at most 60 kB long: what does not fit is counted.
func (c *Changes) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### Project %s\n\n**%s**\n", codeSpan(c.Project), c.PlanLine())
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "\n> %s\n", escapeMarkdown(note))
	}
	b.WriteString("\n")
	all := c.ordered()
	for i, l := range all {
		text := l.markdown()
		if b.Len()+len(text) > markdownLimit-100 {
			fmt.Fprintf(&b, "\n… and %d more, not shown: this comment would be too long.\n", len(all)-i)
			break
		}
		b.WriteString(text)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write changes: %w", err)
	}
	return nil
}

// longestObject is how much of a comment one object may take.
const longestObject = markdownLimit / 4

func (l *diffItem) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "- %s %s %s", codeSpan(l.sign()), l.kind, codeSpan(l.Name))
	switch l.Impact {
	case ImpactRemoval, ImpactAddition:
		fmt.Fprintf(&b, " (%s)\n", codeSpan(diffLine(l.Detail)))
	default:
		fmt.Fprintf(&b, ": **%s**\n", l.Impact)
	}
	for i, change := range l.Changes {
		line := fmt.Sprintf("  - %s: %s → %s%s\n", codeSpan(diffLine(change.Field)), codeSpan(diffValue(change.Old)), codeSpan(diffValue(change.New)),
			escapeMarkdown(diffWhere(change.File, change.Line, " — ")))
		if b.Len()+len(line) > longestObject {
			fmt.Fprintf(&b, "  - … and %d more fields\n", len(l.Changes)-i)
			break
		}
		b.WriteString(line)
	}
	if len(l.Next) > 0 {
		fmt.Fprintf(&b, "  - fires next: %s\n", fireTimes(l.Next))
	}
	return b.String()
}

// codeSpan is text as a code span, whatever backticks it holds.
func codeSpan(text string) string {
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
	`\`, `\\`, "`", "\\`", "*", `\*`, "<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`, "@", "@\u200b", "|", `\|`, "#", `\#`,
)

// escapeMarkdown makes text stand for itself, and mention nobody.
func escapeMarkdown(text string) string { return markdownEscaper.Replace(text) }
