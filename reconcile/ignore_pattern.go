package reconcile

import "strings"

// wildcard is a pattern of an ignore file, compiled: bytes, stars and sets in
// a row. It is matched by following all ways through it at once, so that no
// pattern takes longer than its length times that of the path.
type wildcard struct {
	prefix string // matched as it is, in front of steps
	steps  []step
}

type step struct {
	kind stepKind
	char byte
	set  *[256]bool
}

type stepKind byte

const (
	oneByte  stepKind = iota
	oneOfSet          // a set never has a slash
	star              // any bytes but slashes
	deep              // any bytes
	skipDirs          // what follows may begin here, or after the deepDirs that comes next
	deepDirs          // any bytes, up to and with a slash
	never             // what can't be matched: an unfinished pattern
)

// special are the bytes that don't stand for themselves.
const special = `*?[\`

// compileWildcard compiles a pattern. In one for paths a star does not match a
// slash, and two stars between slashes match any number of directories.
func compileWildcard(pattern string, paths bool) wildcard {
	plain := strings.IndexAny(pattern, special)
	if plain < 0 {
		return wildcard{prefix: pattern}
	}
	w := wildcard{prefix: pattern[:plain]}
	c := patternReader{text: pattern[plain:], paths: paths}
	for c.at < len(c.text) {
		w.steps = append(w.steps, c.next()...)
	}
	return w
}

// patternReader reads the part of a pattern from its first special byte on.
// Where that part begins counts as the beginning of a directory's name, also
// after a plain name: so does git take `foo**/bar`.
type patternReader struct {
	text  string
	at    int
	paths bool
}

func (c *patternReader) next() []step {
	switch char := c.text[c.at]; char {
	case '*':
		return c.stars()
	case '?':
		c.at++
		set := fullSet()
		return []step{{kind: oneOfSet, set: set}}
	case '[':
		return []step{c.set()}
	case '\\':
		c.at++
		if c.at == len(c.text) {
			return []step{{kind: never}}
		}
		fallthrough
	default:
		c.at++
		return []step{{kind: oneByte, char: c.text[c.at-1]}}
	}
}

func (c *patternReader) stars() []step {
	start := c.at
	for c.at < len(c.text) && c.text[c.at] == '*' {
		c.at++
	}
	rest := c.text[c.at:]
	whole := c.at-start > 1 && (start == 0 || c.text[start-1] == '/') &&
		(rest == "" || rest[0] == '/' || strings.HasPrefix(rest, `\/`))
	switch {
	case !c.paths || !whole:
		return []step{{kind: star}}
	case rest != "" && rest[0] == '/':
		c.at++
		return []step{{kind: skipDirs}, {kind: deepDirs}}
	}
	return []step{{kind: deep}}
}

func fullSet() *[256]bool {
	var set [256]bool
	for i := range set {
		set[i] = i != '/'
	}
	return &set
}

// set reads what stands in brackets; without its end nothing can match.
func (c *patternReader) set() step {
	c.at++
	negated := c.peek(0) == '!' || c.peek(0) == '^'
	if negated {
		c.at++
	}
	var set [256]bool
	for first, low := true, -1; ; first = false {
		char, ok := c.setByte()
		switch {
		case !ok:
			c.at = len(c.text)
			return step{kind: never}
		case char == ']' && !first:
			for i := range set {
				set[i] = set[i] != negated && i != '/'
			}
			return step{kind: oneOfSet, set: &set}
		case char == '-' && low >= 0 && c.at < len(c.text) && c.peek(0) != ']':
			high, ok := c.rangeEnd()
			if !ok {
				c.at = len(c.text)
				return step{kind: never}
			}
			for i := low; i <= high; i++ {
				set[i] = true
			}
			low = -1
		case char == '[' && c.peek(0) == ':':
			known, taken := c.class(&set)
			if !known {
				c.at = len(c.text)
				return step{kind: never}
			}
			low = -1
			if !taken {
				set['['], low = true, '['
			}
		case char == '\\':
			if c.at == len(c.text) {
				return step{kind: never}
			}
			low = int(c.text[c.at])
			set[low] = true
			c.at++
		default:
			set[char], low = true, int(char)
		}
	}
}

func (c *patternReader) peek(ahead int) byte {
	if c.at+ahead < len(c.text) {
		return c.text[c.at+ahead]
	}
	return 0
}

func (c *patternReader) setByte() (byte, bool) {
	if c.at >= len(c.text) {
		return 0, false
	}
	c.at++
	return c.text[c.at-1], true
}

func (c *patternReader) rangeEnd() (int, bool) {
	char, _ := c.setByte()
	if char != '\\' {
		return int(char), true
	}
	char, ok := c.setByte()
	return int(char), ok
}

// class adds a named class such as [:digit:] to set. It is not taken where no
// name stands between the colons' brackets, and not known if nobody knows it.
func (c *patternReader) class(set *[256]bool) (known, taken bool) {
	rest := c.text[c.at+1:]
	end := strings.IndexByte(rest, ']')
	switch {
	case end < 0:
		return false, false
	case end == 0 || rest[end-1] != ':':
		return true, false
	}
	member, ok := classes[rest[:end-1]]
	if !ok {
		return false, false
	}
	for i := range 128 {
		set[i] = set[i] || member(byte(i))
	}
	c.at += 1 + end + 1
	return true, true
}

var classes = map[string]func(byte) bool{
	"alnum":  func(c byte) bool { return letter(c) || digit(c) },
	"alpha":  letter,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < ' ' || c == 0x7f },
	"digit":  digit,
	"graph":  func(c byte) bool { return c > ' ' && c < 0x7f },
	"lower":  func(c byte) bool { return c >= 'a' && c <= 'z' },
	"print":  func(c byte) bool { return c >= ' ' && c < 0x7f },
	"punct":  func(c byte) bool { return c > ' ' && c < 0x7f && !letter(c) && !digit(c) },
	"space":  func(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' },
	"upper":  func(c byte) bool { return c >= 'A' && c <= 'Z' },
	"xdigit": func(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' },
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// match tells whether text is what the pattern describes, from end to end.
func (w *wildcard) match(text string) bool {
	rest, ok := strings.CutPrefix(text, w.prefix)
	if !ok || len(w.steps) == 0 {
		return ok && rest == ""
	}
	here, next := make([]bool, len(w.steps)+1), make([]bool, len(w.steps)+1)
	w.enter(here, 0)
	for i := range len(rest) {
		clear(next)
		alive := false
		for at, reached := range here[:len(w.steps)] {
			if reached && w.follow(next, at, rest[i]) {
				alive = true
			}
		}
		if !alive {
			return false
		}
		here, next = next, here
	}
	return here[len(w.steps)]
}

// enter marks a step as reached, with all that may be left out from there.
func (w *wildcard) enter(states []bool, at int) {
	states[at] = true
	if at == len(w.steps) {
		return
	}
	switch w.steps[at].kind {
	case star, deep:
		w.enter(states, at+1)
	case skipDirs:
		w.enter(states, at+1)
		w.enter(states, at+2)
	}
}

// follow goes on from a step with one byte; false if it leads nowhere.
func (w *wildcard) follow(next []bool, at int, char byte) bool {
	switch s := &w.steps[at]; {
	case s.kind == oneByte && s.char == char, s.kind == oneOfSet && s.set[char]:
		w.enter(next, at+1)
	case s.kind == deep, s.kind == star && char != '/':
		w.enter(next, at)
	case s.kind == deepDirs:
		w.enter(next, at)
		if char == '/' {
			w.enter(next, at+1)
		}
	default:
		return false
	}
	return true
}
