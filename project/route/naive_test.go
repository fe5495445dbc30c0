package route

import (
	"net/url"
	"strings"
)

// naive is the meaning of the table, spelled out: it looks at every rule and
// keeps the best.
func naive(rules map[string]Rule, host, escapedPath string) (Rule, bool) {
	path := naiveDecode(escapedPath)
	host = naiveHost(host)
	var best Rule
	found := false
	for _, rule := range rules {
		if !naiveMatches(rule, host, path) {
			continue
		}
		if !found || naiveBetter(rule, best) {
			best, found = rule, true
		}
	}
	return best, found
}

func naiveMatches(rule Rule, host, path string) bool {
	if rule.Hostname == "" && rule.PathPrefix == "" || !strings.HasPrefix(path, rule.PathPrefix) {
		return false
	}
	want := naiveHost(rule.Hostname)
	if suffix, ok := strings.CutPrefix(want, "*"); ok {
		label, ok := strings.CutSuffix(host, suffix)
		return ok && label != "" && !strings.HasSuffix(label, ".")
	}
	return rule.Hostname == "" || want == host
}

func naiveBetter(a, b Rule) bool {
	rank := func(r Rule) int { // exact, then wildcards by length of suffix, then host-less
		switch {
		case r.Hostname == "":
			return 0
		case strings.HasPrefix(r.Hostname, "*"):
			return len(naiveHost(r.Hostname))
		}
		return 1 << 20
	}
	if rank(a) != rank(b) {
		return rank(a) > rank(b)
	}
	if len(a.PathPrefix) != len(b.PathPrefix) {
		return len(a.PathPrefix) > len(b.PathPrefix)
	}
	return a.EventSource < b.EventSource
}

func naiveHost(host string) string {
	host = strings.ToLower(host)
	if i := strings.LastIndex(host, ":"); i >= 0 {
		host = host[:i]
	}
	return strings.TrimSuffix(host, ".")
}

func naiveDecode(path string) string {
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}
