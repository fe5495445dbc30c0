// Package route is the pure route table: host and path to event source. The
// gateway and `maelctl route` share it.
package route

// Rule is one http event source as the table needs it. A rule with neither
// hostname nor path prefix never matches.
type Rule struct {
	EventSource string
	Component   string
	Hostname    string // "*.example.com" allowed; empty: any host; compared without letter case and trailing dot
	PathPrefix  string // a plain string prefix of the decoded path; empty: any path
	StripPrefix bool
}

// Table is an immutable route table. A nil *Table matches nothing.
type Table struct {
	exact     shards[*prefixes] // by host
	wildcards shards[*prefixes] // by what follows "*."
	hostless  *prefixes
	rules     shards[*Rule] // by event source
}

// New returns the table of rules.
func New(rules []Rule) *Table { return (*Table)(nil).With(rules, nil) }

// With returns a table in which put are added, in place of rules of the same
// event sources, and the rules of the event sources named in remove are gone.
// Its cost is proportional to the change; t stays as it is.
func (t *Table) With(put []Rule, remove []string) *Table {
	e := newEdit(t)
	for _, name := range remove {
		e.remove(name)
	}
	for i := range put {
		rule := put[i]
		e.remove(rule.EventSource)
		e.add(&rule)
	}
	return e.table()
}

// Len is the number of rules in t.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.rules.len()
}

// Match is a rule that a request met.
type Match struct {
	Rule *Rule // shared: not to be changed
}

// Match finds the rule for a request: first those of exactly this host, then
// wildcards, longest suffix first, then those without a host; within one host
// the longest path prefix. Host is the raw Host header, escapedPath the path
// as it stands in the request line, without the query.
func (t *Table) Match(host, escapedPath string) (Match, bool) {
	if t == nil {
		return Match{}, false
	}
	var buf [maxHost]byte
	name, ok := appendHost(buf[:0], host)
	if ok && len(name) > 0 {
		if list, ok := t.exact.get(name); ok {
			if rule := list.find(escapedPath); rule != nil {
				return Match{rule}, true
			}
		}
		if rule := t.matchWildcard(name, escapedPath); rule != nil {
			return Match{rule}, true
		}
	}
	if rule := t.hostless.find(escapedPath); rule != nil {
		return Match{rule}, true
	}
	return Match{}, false
}

// matchWildcard tries the suffixes of host after each of its dots, the longest
// first. At least one label must stand before the suffix.
func (t *Table) matchWildcard(host []byte, escapedPath string) *Rule {
	if t.wildcards.len() == 0 {
		return nil
	}
	for i := 1; i < len(host); i++ {
		if host[i] != '.' || host[i-1] == '.' {
			continue
		}
		if list, ok := t.wildcards.get(host[i+1:]); ok {
			if rule := list.find(escapedPath); rule != nil {
				return rule
			}
		}
	}
	return nil
}
