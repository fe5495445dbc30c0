package route

import (
	"sort"
	"strings"
)

// prefixes are the rules of one host, sorted by path prefix. The longest
// prefix of a path is its predecessor in this order or an ancestor of that, so
// finding it costs a binary search even where one host has many rules.
type prefixes struct {
	entries []prefixEntry
	longest int // bytes of the longest prefix
}

type prefixEntry struct {
	rule   *Rule
	parent int32 // the entry with the next shorter prefix of this prefix; -1: none
}

// newPrefixes takes rules in the order of compareRules.
func newPrefixes(rules []*Rule) *prefixes {
	p := &prefixes{entries: make([]prefixEntry, len(rules))}
	var open []int32 // entries whose prefix may begin the ones to come
	for i, rule := range rules {
		for len(open) > 0 && !properPrefix(p.entries[open[len(open)-1]].rule.PathPrefix, rule.PathPrefix) {
			open = open[:len(open)-1]
		}
		parent := int32(-1)
		if len(open) > 0 {
			parent = open[len(open)-1]
		}
		p.entries[i] = prefixEntry{rule, parent}
		p.longest = max(p.longest, len(rule.PathPrefix))
		open = append(open, int32(i))
	}
	return p
}

func properPrefix(prefix, s string) bool { return len(prefix) < len(s) && strings.HasPrefix(s, prefix) }

// find returns the rule with the longest prefix of the decoded path, or nil.
func (p *prefixes) find(escapedPath string) *Rule {
	if p == nil {
		return nil
	}
	if strings.IndexByte(escapedPath, '%') < 0 {
		return search(p, escapedPath)
	}
	var buf [512]byte // paths beyond this need an allocation only if prefixes are as long
	return search(p, appendDecoded(buf[:0], escapedPath, p.longest))
}

func search[T string | []byte](p *prefixes, path T) *Rule {
	after := sort.Search(len(p.entries), func(i int) bool {
		return compare(p.entries[i].rule.PathPrefix, path) > 0
	})
	for i := int32(after) - 1; i >= 0; i = p.entries[i].parent {
		if rule := p.entries[i].rule; begins(path, rule.PathPrefix) {
			return rule
		}
	}
	return nil
}

func compare[T string | []byte](a string, b T) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return len(a) - len(b)
}

func begins[T string | []byte](path T, prefix string) bool {
	if len(path) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if path[i] != prefix[i] {
			return false
		}
	}
	return true
}
