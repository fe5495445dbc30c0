package project

import (
	"strings"
	"unicode/utf8"
)

// explanation says in plain words what one message of the parser means.
type explanation struct {
	message, hint string
	atContext     bool // what began at the context is wrong, not where it was noticed
}

// explanations are the parser's messages that users meet.
var explanations = map[string]explanation{
	"mapping values are not allowed in this context": {
		"a colon where no key can stand",
		"check the indentation of this line and of the one above; quote a text that holds a colon and a blank", false},
	"did not find expected key": {
		"this does not fit into the mapping around it",
		"keys of one mapping stand in the same column, items of a list begin with a dash", false},
	"did not find expected '-' indicator": {
		"this does not fit into the list around it",
		"every item begins with a dash, in the same column", false},
	"could not find expected ':'": {
		"a key without a colon",
		"write key: value, with a blank after the colon, or quote the text", true},
	"did not find expected ',' or ']'": {
		"a list in brackets that is not closed, or lacks a comma",
		"write [a, b]; quote an item that holds a comma, a bracket or a colon", true},
	"did not find expected ',' or '}'": {
		"a mapping in braces that is not closed, or lacks a comma",
		"write {a: b, c: d}; quote a text that begins with a brace", true},
	"did not find expected node content": {
		"a value is expected here",
		"quote a text that begins with a special character", false},
	"found unexpected end of stream": {
		"a quote that is never closed",
		"close it, or remove it", true},
	"found unknown escape character": {
		`an unknown escape in double quotes`,
		`write \\ for a backslash, or use single quotes`, false},
	"did not find expected alphabetic or numeric character": {
		"a * or & that no name follows",
		`put a text that begins with * or & in quotes, for example "*.example.com"`, true},
	"block sequence entries are not allowed in this context": {
		"a list item where none can stand",
		"begin the list on a line of its own, below its key", false},
	"did not find expected comment or line break": {
		"text after the | or > that opens a block",
		"begin the block's text on the next line", false},
	"did not find expected <document start>": {
		"text after the end of the document",
		"check the indentation of this line", false},
	"found unexpected document indicator": {
		"a document ends within quotes",
		"close the quote, or remove it", true},
	"found incompatible YAML document": {
		"a %YAML directive of another version",
		"remove it", false},
}

// reportSyntax turns the parser's one message into problems: all lines whose
// indentation holds a tab, if that is what it stumbled over, else the message.
func (s *source) reportSyntax(f syntaxError, report func(Problem)) {
	if s.reportTabs(f, report) {
		return
	}
	e, known := explanations[f.message]
	switch {
	case strings.HasPrefix(f.message, "exceeded max depth"):
		report(s.problem(ruleDepth, f.problemAt.line, f.problemAt.column, "nested too deeply", hintDepth))
		return
	case f.message == "found character that cannot start any token":
		e.message, e.hint = s.badStart(f)
	case !known:
		e.message, e.hint = s.masks.raw(f.message), "check indentation, quotes and brackets here"
	}
	at := f.problemAt
	if e.atContext && f.contextAt != (place{}) && (f.contextAt.line < at.line || !closes(f.message)) {
		at = f.contextAt
	}
	if end := s.end(); at.line > end.line { // the parser adds a line break
		at = end
	}
	if at == s.end() && f.message == "did not find expected node content" {
		e.message, e.hint = "the file ends within brackets", "close every bracket and brace"
	}
	report(s.problem(ruleSyntax, at.line, at.column, e.message, e.hint))
}

// end is the place after the last rune of the text.
func (s *source) end() place {
	last := s.lineCount()
	return place{last, utf8.RuneCountInString(s.line(last)) + 1}
}

// closes tells whether message speaks of a missing comma as well: then, on one
// line, the place where it was noticed says more than the opening bracket.
func closes(message string) bool { return strings.HasPrefix(message, "did not find expected ','") }

func (s *source) badStart(f syntaxError) (message, hint string) {
	r, _ := utf8.DecodeRune(s.text[s.offset(f.problemAt):])
	if r == '\t' {
		return "a tab where a blank must stand", "use blanks"
	}
	return "a text can't begin with " + string(r), "put the text in quotes"
}

// reportTabs reports every line from the parser's stop on that is indented
// with a tab, if a tab is why it stopped.
func (s *source) reportTabs(f syntaxError, report func(Problem)) bool {
	first := f.problemAt.line
	if column, indent := s.tabIn(first); column == 0 || f.problemAt.column > indent+1 {
		return false
	}
	told := 0
	for number := first; number <= s.lineCount() && told < maxTextProblems; number++ {
		column, indent := s.tabIn(number)
		rest := s.line(number)[indent:]
		if column == 0 || number > first && (rest == "" || rest[0] == '#') {
			continue
		}
		told++
		report(s.problem(ruleTab, number, column, "a tab in the indentation", "indent with blanks; YAML allows no tabs there"))
	}
	return true
}

// tabIn is the column of the first tab in a line's indentation, 0 without one,
// and how long the indentation is.
func (s *source) tabIn(number int) (column, indent int) {
	line := s.line(number)
	indent = len(line) - len(strings.TrimLeft(line, " \t"))
	return strings.IndexByte(line[:indent], '\t') + 1, indent
}
