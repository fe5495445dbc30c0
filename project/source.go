package project

import (
	"bytes"
	"fmt"
	"regexp"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// maxFileSize is the largest file that is read, in bytes.
const maxFileSize = 1 << 20

// maxTextProblems bounds how often one rule speaks about the text of one file:
// a file that is not text at all would drown everything else.
const maxTextProblems = 20

// source is one file of an input: its text as the parser gets it, with every
// ${...} masked, and what is needed to speak about it as it was written.
type source struct {
	name    string
	text    []byte
	masks   masks
	cleaned bool  // what was no text became replacement characters
	lines   []int // offset of each line's first byte, filled on demand
}

// newSource checks data as text and prepares it for the parser; nil if it is
// too large to be read. A rune that the parser would stop at becomes the
// replacement character, so that the rest of the file is still read and columns stay right.
func newSource(name string, data []byte, report func(Problem)) *source {
	s := &source{name: name}
	if len(data) > maxFileSize {
		report(s.problem(ruleSize, 1, 1,
			fmt.Sprintf("the file has %d bytes, more than the %d that are read", len(data), maxFileSize),
			"split it into several projects"))
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	s.text, s.masks = maskVariables(s.clean(data, report))
	return s
}

func (s *source) problem(rule string, line, column int, message, hint string) Problem {
	return Problem{
		Rule: rule, Severity: severities[rule], File: s.name,
		Line: line, Column: column, EndLine: line, Message: message, Hint: hint,
	}
}

// clean returns data without what is not text, and reports each bad rune, at
// most one a line and rule.
func (s *source) clean(data []byte, report func(Problem)) []byte {
	var out []byte
	kept := 0 // data before it is in out
	told, last := map[string]int{}, map[string]int{}
	scanRunes(data, func(at, size, line, column int, r rune) {
		rule, message, hint := badRune(r, size)
		if rule == "" {
			return
		}
		out = append(append(out, data[kept:at]...), string(utf8.RuneError)...)
		kept = at + size
		if last[rule] != line && told[rule] < maxTextProblems {
			last[rule], told[rule] = line, told[rule]+1
			report(s.problem(rule, line, column, message, hint))
		}
	})
	if kept == 0 {
		return data
	}
	s.cleaned = true
	return append(out, data[kept:]...)
}

// scanRunes visits every rune of data that is neither a line break nor plain
// printable ASCII, with its place.
func scanRunes(data []byte, visit func(at, size, line, column int, r rune)) {
	line, column := 1, 0
	for at, size := 0, 0; at < len(data); at += size {
		r := rune(data[at])
		size = 1
		column++
		if r >= ' ' && r < 0x7f {
			continue
		}
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(data[at:])
		}
		switch {
		case r == '\r' && at+1 < len(data) && data[at+1] == '\n':
		case isBreak(r):
			line, column = line+1, 0
		default:
			visit(at, size, line, column, r)
		}
	}
}

// badRune tells what is wrong with a rune that no YAML file may hold.
func badRune(r rune, size int) (rule, message, hint string) {
	switch {
	case r == utf8.RuneError && size == 1:
		return ruleEncoding, "the bytes here are not UTF-8", "save the file as UTF-8"
	case r == 0:
		return ruleControl, "a NUL byte", "remove it; is this a text file?"
	case r == '\t':
	case r < ' ', r >= 0x7f && r < 0xa0, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return ruleControl, fmt.Sprintf("the control character U+%04X", r),
			fmt.Sprintf(`remove it, or write it as "\u%04X" in double quotes`, r)
	}
	return "", "", ""
}

var blockHeader = regexp.MustCompile(`[|>][0-9+-]*[ \t]*(#.*)?$`)

// blockLine is the line of the | or > of a block; its anchor or tag, where y
// begins, may stand on a line above.
func (s *source) blockLine(y *yaml.Node) int {
	if y.Anchor == "" && y.Style&yaml.TaggedStyle == 0 {
		return y.Line
	}
	for number := y.Line; number <= s.lineCount(); number++ {
		if blockHeader.MatchString(s.line(number)) {
			return number
		}
	}
	return y.Line
}

// isBreak tells whether YAML ends a line at r.
func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// line is the text of the line with that number (from 1), without its break.
func (s *source) line(number int) string {
	if number < 1 || number > s.lineCount() {
		return ""
	}
	end := len(s.text)
	if number < len(s.lines) {
		end = s.lines[number]
	}
	return string(bytes.TrimRightFunc(s.text[s.lines[number-1]:end], isBreak))
}

func (s *source) lineCount() int {
	if s.lines == nil {
		s.lines = lineStarts(s.text)
	}
	return len(s.lines)
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	for at, size := 0, 0; at < len(text); at += size {
		var r rune
		r, size = utf8.DecodeRune(text[at:])
		if isBreak(r) && !(r == '\r' && at+1 < len(text) && text[at+1] == '\n') {
			starts = append(starts, at+size)
		}
	}
	return starts
}
