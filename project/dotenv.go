package project

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// EnvError is one line of a dotenv file that can't be read. Its text never
// repeats the line, which may hold a secret.
type EnvError struct {
	Line    int
	Message string
	Hint    string
}

func (e *EnvError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// envLine is one entry of a dotenv file and where it begins.
type envLine struct {
	EnvVar
	line int
}

// ParseEnv reads a dotenv file: NAME=value lines, comments, quotes, CRLF and
// `export`. Entries keep their order; of two with one name the last counts.
// Its error joins an *EnvError for every bad line.
func ParseEnv(data []byte) ([]EnvVar, error) {
	lines, bad := parseEnv(data)
	errs := make([]error, len(bad))
	for i := range bad {
		errs[i] = &bad[i]
	}
	vars := make([]EnvVar, len(lines))
	for i, l := range lines {
		vars[i] = l.EnvVar
	}
	return vars, errors.Join(errs...)
}

// envParser reads one dotenv file line by line.
type envParser struct {
	lines []string
	next  int // index of the line to read
	vars  []envLine
	bad   []EnvError
}

func parseEnv(data []byte) ([]envLine, []EnvError) {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, []EnvError{{1, "this is not a text in UTF-8", "save the file as UTF-8, without NUL bytes"}}
	}
	text := strings.TrimPrefix(string(data), "\uFEFF")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	p := envParser{lines: strings.Split(text, "\n")}
	for p.next < len(p.lines) {
		p.entry()
	}
	return p.vars, p.bad
}

// entry reads the next line, and those that a quoted value goes on over.
func (p *envParser) entry() {
	line := strings.TrimSpace(p.lines[p.next])
	p.next++
	number := p.next
	if line == "" || line[0] == '#' {
		return
	}
	if rest, ok := strings.CutPrefix(line, "export"); ok && rest != strings.TrimLeft(rest, " \t") {
		line = strings.TrimLeft(rest, " \t")
	}
	name, value, found := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	switch {
	case !found:
		p.fail(number, "a line without =", "write NAME=value; a comment begins with #")
		return
	case name == "":
		p.fail(number, "a line without a name", "write NAME=value")
		return
	case strings.ContainsAny(name, " \t"):
		p.fail(number, "a name with a blank", "write NAME=value")
		return
	}
	if value, ok := p.value(strings.TrimSpace(value), number); ok {
		p.vars = append(p.vars, envLine{EnvVar{name, value}, number})
	}
}

func (p *envParser) fail(line int, message, hint string) {
	p.bad = append(p.bad, EnvError{line, message, hint})
}

// value reads a value that may be quoted or followed by a comment.
func (p *envParser) value(text string, number int) (string, bool) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		return strings.TrimSpace(cutComment(text)), true
	}
	quote, body := text[0], text[1:]
	end := closingQuote(body, quote)
	for end < 0 && p.next < len(p.lines) {
		body += "\n" + p.lines[p.next]
		p.next++
		end = closingQuote(body, quote)
	}
	if end < 0 {
		p.next = number // what follows is read as lines of their own
		p.fail(number, "a quote that is never closed", "close it, or remove it")
		return "", false
	}
	if rest := strings.TrimSpace(body[end+1:]); rest != "" && rest[0] != '#' {
		p.fail(number, "text after the closing quote", "put the whole value in quotes, or none of it")
		return "", false
	}
	if quote == '\'' {
		return body[:end], true
	}
	return envEscapes.Replace(body[:end]), true
}

var envEscapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`, `\$`, `$`)

// closingQuote is the index of the quote that ends body, -1 without one.
func closingQuote(body string, quote byte) int {
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '\\' && quote == '"':
			i++
		case body[i] == quote:
			return i
		}
	}
	return -1
}

// cutComment removes a comment: a # at the beginning or after a blank.
func cutComment(value string) string {
	for i := range len(value) {
		if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
			return value[:i]
		}
	}
	return value
}
