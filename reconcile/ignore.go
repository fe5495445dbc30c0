package reconcile

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// IgnoreFile is the name of a file whose lines say what is no part of a
// source, by the rules of gitignore. It counts for its directory and all below.
const IgnoreFile = ".maelignore"

// Ignores are the ignore files of a tree. What they name is as if it were not
// there: it is not searched, and no project file can name it. The zero value
// ignores nothing.
type Ignores struct {
	rules map[string][]ignoreRule // by directory
}

// ignoreRule is one line of an ignore file.
type ignoreRule struct {
	line     int
	negated  bool
	dirsOnly bool
	anywhere bool // matched with the last name of a path alone
	pattern  wildcard
}

// Add makes the ignore file of a directory count; the top is "".
func (i *Ignores) Add(dir string, data []byte) {
	if i.rules == nil {
		i.rules = map[string][]ignoreRule{}
	}
	if rules := parseIgnore(data); len(rules) > 0 {
		i.rules[dir] = rules
	}
}

// Match tells whether a path is ignored whose directories are not, and by
// which line: "shop/.maelignore:3".
func (i *Ignores) Match(file string, isDir bool) (by string, ignored bool) {
	if len(i.rules) == 0 {
		return "", false
	}
	base := path.Base(file)
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if dir == "." {
			dir = ""
		}
		rules, below := i.rules[dir], strings.TrimPrefix(file[len(dir):], "/")
		for n := len(rules) - 1; n >= 0; n-- {
			if rules[n].match(base, below, isDir) {
				return fmt.Sprintf("%s:%d", path.Join(dir, IgnoreFile), rules[n].line), !rules[n].negated
			}
		}
		if dir == "" {
			return "", false
		}
	}
}

func (r *ignoreRule) match(base, below string, isDir bool) bool {
	switch {
	case r.dirsOnly && !isDir:
		return false
	case r.anywhere:
		return r.pattern.match(base)
	}
	return r.pattern.match(below)
}

func parseIgnore(data []byte) []ignoreRule {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	var rules []ignoreRule
	number := 0
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		number++
		text := string(bytes.TrimSuffix(line, []byte("\r")))
		if text == "" || text[0] == '#' {
			continue
		}
		rule := parseIgnoreLine(trimBlanks(text))
		rule.line = number
		rules = append(rules, rule)
	}
	return rules
}

func parseIgnoreLine(text string) ignoreRule {
	var r ignoreRule
	text, r.negated = strings.CutPrefix(text, "!")
	text, r.dirsOnly = strings.CutSuffix(text, "/")
	r.anywhere = !strings.Contains(text, "/")
	r.pattern = compileWildcard(strings.TrimPrefix(text, "/"), !r.anywhere)
	return r
}

// trimBlanks takes blanks away at the end of a line, but for those after a
// backslash.
func trimBlanks(text string) string {
	end := 0
	for at := 0; at < len(text); at++ {
		switch text[at] {
		case ' ':
			continue
		case '\\':
			at++
		}
		end = min(at+1, len(text))
	}
	return text[:end]
}
