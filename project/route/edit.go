package route

import (
	"slices"
	"strings"
)

// place is where a rule lives: one list of prefixes.
type place struct {
	kind placeKind
	host string
}

type placeKind byte

const (
	atHost placeKind = iota
	atWildcard
	atAnyHost
)

// edit collects the changes to a table, so that each list of prefixes is
// rebuilt once however many of its rules change.
type edit struct {
	exact     shardEdit[*prefixes]
	wildcards shardEdit[*prefixes]
	hostless  *prefixes
	rules     shardEdit[*Rule]
	touched   map[place]map[*Rule]bool // true: add, false: take away
}

func newEdit(t *Table) *edit {
	e := &edit{touched: map[place]map[*Rule]bool{}}
	if t != nil {
		e.exact.next, e.wildcards.next = t.exact, t.wildcards
		e.hostless, e.rules.next = t.hostless, t.rules
	}
	return e
}

func (e *edit) add(rule *Rule) {
	e.rules.set(rule.EventSource, rule)
	e.touch(rule, true)
}

func (e *edit) remove(eventSource string) {
	rule, ok := e.rules.get(eventSource)
	if !ok {
		return
	}
	e.rules.delete(eventSource)
	e.touch(rule, false)
}

func (e *edit) touch(rule *Rule, add bool) {
	at := placeOf(rule)
	if e.touched[at] == nil {
		e.touched[at] = map[*Rule]bool{}
	}
	e.touched[at][rule] = add
}

func placeOf(rule *Rule) place {
	host, _ := NormalHost(rule.Hostname)
	if suffix, ok := strings.CutPrefix(host, "*."); ok {
		return place{atWildcard, suffix}
	}
	if rule.Hostname == "" {
		return place{kind: atAnyHost}
	}
	return place{atHost, host} // under "" if nothing is left of it, where no request looks
}

func (e *edit) table() *Table {
	for at, rules := range e.touched {
		list := e.list(at).with(rules)
		switch {
		case at.kind == atAnyHost:
			e.hostless = list
		case list == nil:
			e.shardsOf(at).delete(at.host)
		default:
			e.shardsOf(at).set(at.host, list)
		}
	}
	return &Table{
		exact:     e.exact.next,
		wildcards: e.wildcards.next,
		hostless:  e.hostless,
		rules:     e.rules.next,
	}
}

func (e *edit) list(at place) *prefixes {
	if at.kind == atAnyHost {
		return e.hostless
	}
	list, _ := e.shardsOf(at).get(at.host)
	return list
}

func (e *edit) shardsOf(at place) *shardEdit[*prefixes] {
	if at.kind == atWildcard {
		return &e.wildcards
	}
	return &e.exact
}

// with returns the list after rules were added or taken away; nil if nothing
// is left that could match.
func (p *prefixes) with(rules map[*Rule]bool) *prefixes {
	var all []*Rule
	if p != nil {
		for _, entry := range p.entries {
			if _, touched := rules[entry.rule]; !touched {
				all = append(all, entry.rule)
			}
		}
	}
	for rule, add := range rules {
		if add && (rule.Hostname != "" || rule.PathPrefix != "") { // else it never matches
			all = append(all, rule)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, compareRules)
	return newPrefixes(all)
}

// compareRules sorts by prefix; of two rules with the same one, which
// validation refuses, the last counts: that of the lowest name.
func compareRules(a, b *Rule) int {
	if c := strings.Compare(a.PathPrefix, b.PathPrefix); c != 0 {
		return c
	}
	return strings.Compare(b.EventSource, a.EventSource)
}
