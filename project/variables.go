package project

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// variable is one ${...} of a file.
type variable struct {
	raw      string // as written
	literal  bool   // stands for text, whatever is set
	text     string // of a literal: ${...} for $${...}, and ${} for itself
	name     string
	operator string // "", ":-", ":" or ":?"
	operand  string // the default, or the message of ":?"
}

// masks remember what maskVariables took out of a text. Each ${...} is
// replaced by as many private-use runes as it has runes: the parser sees a
// plain word whatever the variable's text holds, columns stay right, and the
// value can't change the structure of the file because it comes in only after
// parsing. A mask is: start, two runes that number the variable, fill.
type masks struct {
	start rune
	vars  []variable
}

const (
	maskFirst = 0xF0000 // plane 15 holds start and fill, plane 16 the numbers
	maskDigit = 0x100000
	maskBase  = 1 << 15
)

func (m masks) fill() rune { return m.start + 1 }

// maskVariables replaces every ${...} of text that ends on its line.
func maskVariables(text []byte) ([]byte, masks) {
	if !bytes.Contains(text, []byte("${")) {
		return text, masks{}
	}
	m := masks{start: freeRune(text)}
	out := make([]byte, 0, len(text)+len(text)/4)
	kept := 0     // text before it is in out
	unclosed := 0 // up to here no brace closes
	for from := 0; ; {
		open := bytes.Index(text[from:], []byte("${"))
		if open < 0 {
			return append(out, text[kept:]...), m
		}
		open += from
		from = open + len("${")
		if open < unclosed {
			continue
		}
		length, closed := closingBrace(text[from:])
		if !closed {
			unclosed = from + length
		}
		if !closed { // a stray ${
			continue
		}
		if length > 0 && open > kept && text[open-1] == '$' {
			open--
		}
		end := from + length + len("}")
		out = m.mask(append(out, text[kept:open]...), string(text[open:end]))
		kept, from = end, end
	}
}

// closingBrace is the offset of the first } on this line, or of the line's end
// if none closes.
func closingBrace(text []byte) (offset int, closed bool) {
	offset = bytes.IndexAny(text, "}\n\r\u0085\u2028\u2029")
	if offset < 0 {
		return len(text), false
	}
	return offset, text[offset] == '}'
}

// freeRune is a rune that, with its successor, occurs in text neither as such
// nor as an escape.
func freeRune(text []byte) rune {
	lower := bytes.ToLower(text)
	for r := rune(maskFirst); ; r += 2 {
		if !bytes.ContainsRune(text, r) && !bytes.ContainsRune(text, r+1) && !bytes.Contains(lower, escapeDigits(r)) {
			return r
		}
	}
}

func escapeDigits(r rune) []byte {
	const hex = "0123456789abcdef"
	digits := []byte("000")
	for shift := 16; shift >= 0; shift -= 4 {
		digits = append(digits, hex[r>>shift&0xf])
	}
	return digits
}

func (m *masks) mask(out []byte, raw string) []byte {
	number := rune(len(m.vars))
	m.vars = append(m.vars, parseVariable(raw))
	out = utf8.AppendRune(out, m.start)
	out = utf8.AppendRune(out, maskDigit+number%maskBase)
	out = utf8.AppendRune(out, maskDigit+number/maskBase)
	for range utf8.RuneCountInString(raw) - 3 {
		out = utf8.AppendRune(out, m.fill())
	}
	return out
}

func parseVariable(raw string) variable {
	v := variable{raw: raw}
	switch {
	case raw == "${}":
		v.literal, v.text = true, raw
		return v
	case strings.HasPrefix(raw, "$$"):
		v.literal, v.text = true, raw[1:]
		return v
	}
	body := raw[len("${") : len(raw)-len("}")]
	name, rest, found := strings.Cut(body, ":")
	v.name = name
	switch {
	case !found:
	case strings.HasPrefix(rest, "-"):
		v.operator, v.operand = ":-", rest[1:]
	case strings.HasPrefix(rest, "?"):
		v.operator, v.operand = ":?", rest[1:]
	default:
		v.operator, v.operand = ":", rest
	}
	return v
}

// replace puts every mask of s back as write says.
func (m masks) replace(s string, write func(v *variable) string) string {
	if len(m.vars) == 0 || !strings.ContainsRune(s, m.start) {
		return s
	}
	var out strings.Builder
	for {
		at := strings.IndexRune(s, m.start)
		if at < 0 {
			out.WriteString(s)
			return out.String()
		}
		out.WriteString(s[:at])
		v, size := m.read(s[at:])
		if v == nil {
			size = utf8.RuneLen(m.start)
			out.WriteString(s[at : at+size])
		} else {
			out.WriteString(write(v))
		}
		s = s[at+size:]
	}
}

// read decodes the mask that s starts with; nil if it is none.
func (m masks) read(s string) (v *variable, size int) {
	size = utf8.RuneLen(m.start)
	low, n := utf8.DecodeRuneInString(s[size:])
	high, n2 := utf8.DecodeRuneInString(s[size+n:])
	number := int(low-maskDigit) + int(high-maskDigit)*maskBase
	if low < maskDigit || high < maskDigit || number >= len(m.vars) {
		return nil, 0
	}
	v = &m.vars[number]
	fill := strings.Repeat(string(m.fill()), utf8.RuneCountInString(v.raw)-3)
	size += n + n2
	if !strings.HasPrefix(s[size:], fill) {
		return nil, 0
	}
	return v, size + len(fill)
}

// raw is s as it was written.
func (m masks) raw(s string) string {
	return m.replace(s, func(v *variable) string { return v.raw })
}

// has tells whether s holds a variable.
func (m masks) has(s string) bool {
	return len(m.vars) > 0 && strings.ContainsRune(s, m.start)
}

// unset is a variable that a text needs and nobody set.
type unset struct {
	name    string
	message string // of ${NAME:?message}
	fatal   bool   // ${NAME:?} insists, whatever else is allowed
}

// rule is the rule under which u is reported where missing variables are told
// under the given one.
func (u unset) rule(lenient string) string {
	if u.fatal {
		return ruleUnset
	}
	return lenient
}

// expansion is a text with its variables replaced.
type expansion struct {
	text   string
	unset  []unset
	secret bool // the text holds the value of a variable with a secret name
	tooBig bool
}

// expander replaces variables within a budget: a short file that uses a long
// value very often must not fill the memory.
type expander struct {
	lookup func(name string) (string, bool)
	budget int // bytes left
}

// expand replaces the variables of s, which stood in a scalar of that style.
func (x *expander) expand(m masks, s string, style yaml.Style) expansion {
	var e expansion
	e.text = m.replace(s, func(v *variable) string {
		if v.literal {
			return v.text
		}
		value := x.value(v, style, &e)
		x.budget -= len(value)
		if x.budget < 0 {
			e.tooBig = true
			return ""
		}
		return value
	})
	return e
}

func (x *expander) value(v *variable, style yaml.Style, e *expansion) string {
	value, set := "", false
	if x.lookup != nil {
		value, set = x.lookup(v.name)
	}
	e.secret = e.secret || set && Secret(v.name)
	switch {
	case v.operator == ":-" && value == "", v.operator == ":" && !set:
		return unescape(v.operand, style)
	case v.operator == ":?" && value == "":
		e.unset = append(e.unset, unset{v.name, v.operand, true})
	case !set:
		e.unset = append(e.unset, unset{name: v.name})
	}
	return value
}

// unescape reads a default that stands within quotes as YAML reads the text
// around it, so that "${X:-a\tb}" means what it looks like.
func unescape(text string, style yaml.Style) string {
	switch {
	case style&yaml.SingleQuotedStyle != 0:
		return strings.ReplaceAll(text, "''", "'")
	case style&yaml.DoubleQuotedStyle != 0 && strings.Contains(text, `\`):
		var out string
		if yaml.Unmarshal([]byte(`"`+text+`"`), &out) == nil {
			return out
		}
	}
	return text
}
