package project

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// yamlWriter writes the few forms of YAML that an export needs, so that the
// same value has one form and a ${ in a value stays what it is.
type yamlWriter struct{ strings.Builder }

const yamlIndent = 2

func (w *yamlWriter) mapping(pairs []exportedPair, indent int) {
	for _, p := range pairs {
		w.pad(indent)
		w.WriteString(yamlText(p.key, "") + ":")
		w.value(p.value, indent)
	}
}

func (w *yamlWriter) pad(n int) { w.WriteString(strings.Repeat(" ", n)) }

// value writes what stands behind a key, with the end of the line.
func (w *yamlWriter) value(value any, indent int) {
	switch v := value.(type) {
	case []exportedPair:
		if len(v) == 0 {
			w.WriteString(" {}\n")
			return
		}
		w.WriteString("\n")
		w.mapping(v, indent+yamlIndent)
	case []any:
		w.WriteString("\n")
		for _, item := range v {
			w.item(item, indent+yamlIndent)
		}
	default:
		w.WriteString(" ")
		w.scalar(value, indent+yamlIndent)
	}
}

// item writes one item of a list; a mapping begins on the line of its dash.
func (w *yamlWriter) item(item any, indent int) {
	w.pad(indent)
	w.WriteString("- ")
	pairs, ok := item.([]exportedPair)
	if !ok {
		w.scalar(item, indent+yamlIndent)
		return
	}
	if len(pairs) == 0 {
		w.WriteString("{}\n")
		return
	}
	var block yamlWriter
	block.mapping(pairs, indent+yamlIndent)
	w.WriteString(block.String()[indent+yamlIndent:])
}

func (w *yamlWriter) scalar(value any, indent int) {
	switch v := value.(type) {
	case *exportedText:
		if v.variable == "" && blockText(v.text) {
			w.block(v.text, indent)
			return
		}
		w.WriteString(yamlText(v.text, v.variable))
	case float64:
		w.WriteString(strconv.FormatFloat(v, 'f', -1, 64))
	default:
		fmt.Fprint(w, v)
	}
	w.WriteString("\n")
}

// block writes lines as a literal block.
func (w *yamlWriter) block(text string, indent int) {
	w.WriteString("|")
	text, ended := strings.CutSuffix(text, "\n")
	if !ended {
		w.WriteString("-")
	}
	w.WriteString("\n")
	for line := range strings.SplitSeq(escapeVariables(text), "\n") {
		if line != "" {
			w.pad(indent)
		}
		w.WriteString(line + "\n")
	}
}

// blockText tells whether a text of several lines can stand in a literal block
// without any indicator.
func blockText(text string) bool {
	body := strings.TrimSuffix(text, "\n")
	if !strings.Contains(text, "\n") || body == "" || strings.HasPrefix(body, " ") || strings.HasPrefix(body, "\n") {
		return false
	}
	lines := strings.Split(body, "\n")
	if strings.TrimSpace(lines[len(lines)-1]) == "" {
		return false
	}
	return !strings.ContainsFunc(body, func(r rune) bool { return r != '\n' && needsEscape(r) })
}

var plainYAML = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_/.,:=@+*%?&-]*( [A-Za-z0-9_/.,=@+*%?&-]+)*$`)

// yamlText writes a text, and the variable that follows it, on one line: as it
// is if nothing can mistake it, else in double quotes.
func yamlText(text, variable string) string {
	if variable != "" {
		variable = "${" + variable + "}"
	}
	plain := plainYAML.MatchString(text) && !strings.Contains(text, ": ") && (variable != "" || !strings.HasSuffix(text, ":") && !typedWord(text))
	if plain || text == "" && variable != "" {
		return text + variable
	}
	if !strings.ContainsFunc(text, needsEscape) && allClosed(text) {
		switch escaped := escapeVariables(text) + variable; {
		case !strings.ContainsAny(text, `"\`):
			return `"` + escaped + `"`
		case !strings.Contains(text, "'"):
			return "'" + escaped + "'"
		}
	}
	return `"` + quotedText(text) + variable + `"`
}

// typedWord tells whether a word is no text to some reader of YAML.
func typedWord(text string) bool {
	return slices.Contains([]string{"null", "Null", "NULL"}, text) || slices.Contains(trueWords, text) || slices.Contains(falseWords, text)
}

// needsEscape tells whether r can't stand for itself in quotes.
func needsEscape(r rune) bool {
	return r != ' ' && !unicode.IsGraphic(r) || isBreak(r) || r == 0xfeff || r == unicode.ReplacementChar
}

// quotedText is text for double quotes. No variable can be seen in it.
func quotedText(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '$' && strings.HasPrefix(text[i:], "${"):
			b.WriteString(`\x24`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case needsEscape(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08X`, r)
		case needsEscape(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// allClosed tells whether no ${ of text could end in what follows it.
func allClosed(text string) bool {
	for {
		_, rest, found := strings.Cut(text, "${")
		if !found {
			return true
		}
		length, closed := closingBrace([]byte(rest))
		if !closed {
			return false
		}
		text = rest[length+len("}"):]
	}
}

// escapeVariables writes $${NAME} for every ${NAME} that a load would replace.
func escapeVariables(text string) string {
	var b strings.Builder
	for {
		open := strings.Index(text, "${")
		if open < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:open])
		text = text[open:]
		length, closed := closingBrace([]byte(text[len("${"):]))
		end := len("${")
		if closed && length > 0 {
			b.WriteString("$")
		}
		if closed {
			end += length + len("}")
		}
		b.WriteString(text[:end])
		text = text[end:]
	}
}
