package project

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxUndefinedAliases bounds how often one file is parsed again after an alias
// without an anchor.
const maxUndefinedAliases = 20

// place is a line and a column, from 1.
type place struct{ line, column int }

// parsed is the outcome of parsing one file.
type parsed struct {
	document *yaml.Node
	// undefined are the aliases whose anchor does not exist, by their place;
	// in the document a plain word stands there.
	undefined map[place]string
}

// parse reads the one document of s. The parser stops at its first mistake;
// an alias without an anchor is repaired, so that the rest is read as well.
func (s *source) parse(report func(Problem)) parsed {
	p := s.parseRepaired(report)
	if p.document == nil {
		for at, anchor := range p.undefined {
			message, hint := s.undefinedAlias(anchor)
			report(s.problem(ruleAlias, at.line, at.column, message, hint))
		}
	}
	return p
}

func (s *source) parseRepaired(report func(Problem)) parsed {
	p := parsed{undefined: map[place]string{}}
	text := s.text
	for {
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		document, failure := decodeDocument(decoder)
		if failure == nil {
			if s.checkDocuments(decoder, document, report) {
				p.document = document
			}
			return p
		}
		if !failure.undefinedAlias || len(p.undefined) == maxUndefinedAliases {
			s.reportSyntax(*failure, report)
			return p
		}
		at := s.offset(failure.problemAt)
		if _, again := p.undefined[failure.problemAt]; again || at >= len(text) || text[at] != '*' {
			s.reportSyntax(*failure, report)
			return p
		}
		p.undefined[failure.problemAt] = failure.anchor
		text = bytes.Clone(text)
		text[at] = 'a'
	}
}

// undefinedAlias is what is wrong with an alias whose anchor does not exist.
func (s *source) undefinedAlias(anchor string) (message, hint string) {
	anchor = s.masks.raw(anchor)
	return "the alias *" + anchor + " has no anchor before it",
		"write &" + anchor + " at the value that is meant, or put the text in quotes"
}

// checkDocuments reports an empty file and a second document; it is false if
// there is nothing to read.
func (s *source) checkDocuments(decoder *yaml.Decoder, document *yaml.Node, report func(Problem)) bool {
	if document == nil || isNull(document.Content[0]) {
		report(s.problem(ruleEmpty, 1, 1, "the file is empty or holds comments only",
			"write at least name: and components:"))
		return false
	}
	second, failure := decodeDocument(decoder)
	at := place{}
	switch {
	case failure != nil:
		at = s.secondDocument(document.Line, failure.problemAt)
	case second != nil:
		at = place{second.Line, second.Column}
	default:
		return true
	}
	report(s.problem(ruleDocuments, at.line, at.column, "a second document begins here",
		"keep one document (one ---) in a file; a project has a file of its own"))
	return true
}

// secondDocument is the first line after the given one that begins a document.
func (s *source) secondDocument(first int, otherwise place) place {
	for number := first + 1; number <= s.lineCount(); number++ {
		if strings.HasPrefix(s.line(number), "---") {
			return place{number, 1}
		}
	}
	return otherwise
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == ""
}

// decodeDocument reads the next document; nil at the end of the stream.
func decodeDocument(decoder *yaml.Decoder) (*yaml.Node, *syntaxError) {
	var document yaml.Node
	err := decoder.Decode(&document)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, newSyntaxError(decoder, err)
	case len(document.Content) == 0:
		return nil, nil
	}
	return &document, nil
}

// syntaxError is what the parser knows about where and why it stopped.
type syntaxError struct {
	message        string
	problemAt      place // where it stopped
	contextAt      place // where what it was reading began; zero if unknown
	undefinedAlias bool
	anchor         string
}

var (
	errorLine     = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// newSyntaxError recovers the position of err. yaml.v3 keeps line and column
// of every mistake but prints neither column nor, for half of them, the right
// line; so they are read from its fields. It is frozen, and without these
// fields the line it prints is used.
func newSyntaxError(decoder *yaml.Decoder, err error) *syntaxError {
	match := errorLine.FindStringSubmatch(err.Error())
	f := &syntaxError{message: strings.TrimPrefix(err.Error(), match[0])}
	line, _ := strconv.Atoi(match[1])
	f.problemAt = place{max(line, 1), 1}
	parser := field(reflect.ValueOf(decoder), "parser")
	if anchor := unknownAnchor.FindStringSubmatch(f.message); anchor != nil {
		f.undefinedAlias, f.anchor = true, anchor[1]
		if at, ok := mark(field(parser, "event", "start_mark")); ok {
			f.problemAt = at
		}
		return f
	}
	if at, ok := mark(field(parser, "parser", "problem_mark")); ok {
		f.problemAt = at
	}
	if context := field(parser, "parser", "context"); context.IsValid() && context.String() != "" {
		f.contextAt, _ = mark(field(parser, "parser", "context_mark"))
	}
	return f
}

func field(v reflect.Value, names ...string) reflect.Value {
	for _, name := range names {
		v = reflect.Indirect(v)
		if v.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		v = v.FieldByName(name)
	}
	return v
}

func mark(v reflect.Value) (place, bool) {
	line, column := field(v, "line"), field(v, "column")
	if !line.IsValid() || !line.CanInt() || !column.IsValid() || !column.CanInt() {
		return place{}, false
	}
	return place{int(line.Int()) + 1, int(column.Int()) + 1}, true
}

// offset is the index in the text of the rune at p, or the end of its line.
func (s *source) offset(p place) int {
	if p.line > s.lineCount() {
		return len(s.text)
	}
	start := s.lines[p.line-1]
	column := 1
	for i, r := range string(s.text[start:]) {
		if column == p.column || isBreak(r) {
			return start + i
		}
		column++
	}
	return len(s.text)
}
