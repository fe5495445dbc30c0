package project

import (
	"strconv"
	"strings"
)

// longestQuote is how many runes of a value a message repeats.
const longestQuote = 60

// quote is text as a message shows it.
func quote(text string) string {
	runes := []rune(text)
	if len(runes) > longestQuote {
		text = string(runes[:longestQuote]) + "…"
	}
	return strconv.Quote(text)
}

// show is the value of a scalar as a message may show it: as it was written
// where it holds a secret, else as it reads.
func (n *node) show() string {
	if n.secret {
		return quote(n.raw())
	}
	return quote(n.text)
}

// described is describe with the value, unless that is secret.
func (n *node) described(secret bool) string {
	kind := n.describe()
	switch {
	case n.kind != scalarNode || secret || n.tag == "!!null":
		return kind
	case kind == "a text":
		return "the text " + n.show()
	}
	return "the" + strings.TrimPrefix(kind, "a") + " " + strings.Trim(n.show(), `"`)
}

// describe names what kind of value n is.
func (n *node) describe() string {
	switch n.kind {
	case mapNode:
		return "a mapping"
	case listNode:
		return "a list"
	}
	switch {
	case n.tag == "!!null":
		return "an empty value"
	case n.tag == "!!bool", n.plain() && legacyBool(n.text):
		return "a boolean"
	case n.tag == "!!int", n.tag == "!!float":
		return "a number"
	}
	return "a text"
}

// legacyBool tells whether text is one of the words that YAML 1.1 reads as a
// boolean and YAML 1.2 as a text.
func legacyBool(text string) bool {
	switch text {
	case "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF":
		return true
	}
	return false
}

func (u unset) describe() string {
	if u.message != "" {
		return "the variable " + u.name + " is not set: " + u.message
	}
	return "the variable " + u.name + " is not set"
}

func (u unset) hint() string {
	return "set it, give it a default as in ${" + u.name + ":-default}, or write $${" + u.name + "} for the text itself"
}

// Nearest is the candidate that word was most likely meant to be, "" if none
// is near: another case or another way to join words, else few wrong letters.
func Nearest(word string, candidates []string) string {
	bare := bareWord(word)
	best, distance := "", 1+max(1, len(bare)/4)
	for _, c := range candidates {
		if bareWord(c) == bare {
			return c
		}
		if d := editDistance(bare, c, distance); d < distance {
			best, distance = c, d
		}
	}
	return best
}

func bareWord(word string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(word))
}

// editDistance counts the letters to insert, remove, replace or swap to get
// from a to b; it gives up at limit.
func editDistance(a, b string, limit int) int {
	if len(a) > len(b)+limit || len(b) > len(a)+limit {
		return limit
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
