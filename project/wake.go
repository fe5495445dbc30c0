package project

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// WakeRule names requests that may not wake a component that is asleep, and do
// not keep one awake. A request meets a rule if it meets each of its parts that
// is set, and a list if it meets one of its entries.
type WakeRule struct {
	Paths   []string `json:"paths,omitempty"`   // exact, or a prefix where it ends in *
	Methods []string `json:"methods,omitempty"` // upper case
	Agents  []string `json:"agents,omitempty"`  // parts of the User-Agent, in any letter case
	Sources []string `json:"sources,omitempty"` // addresses or networks of clients

	// Monitors is met by what says of itself that it is a known monitor or
	// crawler.
	Monitors bool `json:"monitors,omitempty"`

	// Answer is the status of the answer while the component is asleep; 0: 200.
	Answer int `json:"answer,omitempty"`
}

// WakeRules are the wake rules of one component, ready to be asked for each
// request. It is immutable.
type WakeRules struct {
	rules []wakeRule
}

// wakeRule is a rule taken apart. A part that is nil is not set.
type wakeRule struct {
	paths    []string
	prefixes []string
	methods  []string
	agents   *words
	sources  []netip.Prefix
	monitors bool
	answer   int
}

// WakeRules takes the rules of c apart; nil if it has none. Entries that
// validation refuses are met by no request.
func (c *Component) WakeRules() *WakeRules {
	if len(c.Wake) == 0 {
		return nil
	}
	w := &WakeRules{rules: make([]wakeRule, len(c.Wake))}
	for i := range c.Wake {
		w.rules[i] = c.Wake[i].compiled()
	}
	return w
}

// MayWake tells whether a request may wake the component; where it may not,
// answer is the status to answer with while the component is asleep. Path is
// the decoded path without the query. It does not allocate, and may be called
// on nil.
func (w *WakeRules) MayWake(method, path, agent string, client netip.Addr) (ok bool, answer int) {
	if w == nil {
		return true, 0
	}
	client = client.Unmap().WithZone("")
	for i := range w.rules {
		if r := &w.rules[i]; r.met(method, path, agent, client) {
			return false, r.answer
		}
	}
	return true, 0
}

func (r *WakeRule) compiled() wakeRule {
	out := wakeRule{methods: r.Methods, monitors: r.Monitors, answer: r.Answer}
	orDefault(&out.answer, DefaultWakeAnswer)
	if len(r.Agents) > 0 {
		out.agents = newWords(r.Agents)
	}
	for _, p := range r.Paths {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			out.prefixes = append(out.prefixes, prefix)
		} else {
			out.paths = append(out.paths, p)
		}
	}
	if len(r.Sources) > 0 {
		out.sources = []netip.Prefix{}
	}
	for _, s := range r.Sources {
		if network, ok := parseNetwork(s); ok {
			out.sources = append(out.sources, network)
		}
	}
	return out
}

func (r *wakeRule) met(method, path, agent string, client netip.Addr) bool {
	return (len(r.methods) == 0 || slices.Contains(r.methods, method)) &&
		r.meetsPath(path) &&
		(r.sources == nil || slices.ContainsFunc(r.sources, func(n netip.Prefix) bool { return n.Contains(client) })) &&
		(r.agents == nil || r.agents.in(agent)) &&
		(!r.monitors || monitors.in(agent))
}

func (r *wakeRule) meetsPath(path string) bool {
	return r.paths == nil && r.prefixes == nil || slices.Contains(r.paths, path) ||
		slices.ContainsFunc(r.prefixes, func(p string) bool { return strings.HasPrefix(path, p) })
}

// checkWake checks each rule on its own.
func checkWake(c checker, rules []WakeRule) {
	for i := range rules {
		at := index("wake", i)
		if rules[i].empty() {
			c.bad(ruleWake, at, "a wake rule that does not say which requests",
				`write paths, methods, agents, sources or monitors; paths: ["/*"] is every request`)
		}
		checkWakeRule(c.under(at), &rules[i])
	}
}

// empty tells whether no part of r is set, so that it would stand for every
// request.
func (r *WakeRule) empty() bool {
	return len(r.Paths)+len(r.Methods)+len(r.Agents)+len(r.Sources) == 0 && !r.Monitors
}

func checkWakeRule(c checker, r *WakeRule) {
	checkKeys(c, reflectValue(r), shapeOf(r))
	for i, p := range r.Paths {
		if !strings.HasPrefix(p, "/") {
			c.value(rulePath, index("paths", i), p, "does not start with a slash", "write /"+strings.TrimLeft(p, "/"))
		}
		if star := strings.IndexByte(p, '*'); star >= 0 && star < len(p)-1 {
			c.value(ruleWake, index("paths", i), p, "has a * that is not its end", "write a prefix, as in /assets/*")
		}
		if strings.ContainsAny(p, "?#") {
			c.value(ruleWake, index("paths", i), p, "holds more than a path", "leave the query out; a rule looks at the path alone")
		}
	}
	for i, m := range r.Methods {
		if !httpToken(m) || m != strings.ToUpper(m) {
			c.value(ruleRequest, index("methods", i), m, "is no method", "write it in upper case, as in HEAD")
		}
	}
	for i, a := range r.Agents {
		if strings.TrimSpace(a) == "" {
			c.value(ruleWake, index("agents", i), a, "is no part of a User-Agent", "write a word of it, as in curl")
		}
	}
	for i, s := range r.Sources {
		if _, ok := parseNetwork(s); !ok {
			c.value(ruleWake, index("sources", i), s, "is neither an address nor a network", "write 192.0.2.7 or 10.0.0.0/8")
		}
	}
}

// diffText tells effective rules apart.
func (r *WakeRule) diffText() string {
	var parts []string
	add := func(name string, list []string) {
		if len(list) > 0 {
			parts = append(parts, name+" "+strings.Trim(fmt.Sprintf("%q", list), "[]"))
		}
	}
	add("paths", r.Paths)
	add("methods", r.Methods)
	add("agents", r.Agents)
	add("sources", r.Sources)
	if r.Monitors {
		parts = append(parts, "monitors")
	}
	return strings.Join(append(parts, fmt.Sprintf("answer %d", r.Answer)), ", ")
}

// parseNetwork reads an address or a network in CIDR notation.
func parseNetwork(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()), addr.Zone() == "" && !addr.Is4In6()
	}
	network, err := netip.ParsePrefix(text)
	return network, err == nil && !network.Addr().Is4In6()
}

// words finds any of some texts in another one, in any letter case of ASCII.
type words struct {
	by [256][]string // in lower case, by the first byte
}

func newWords(list []string) *words {
	w := &words{}
	for _, word := range list {
		if word != "" {
			w.by[lower(word[0])] = append(w.by[lower(word[0])], strings.ToLower(word))
		}
	}
	return w
}

func (w *words) in(text string) bool {
	for i := range len(text) {
		for _, word := range w.by[lower(text[i])] {
			if len(text)-i >= len(word) && equalLower(text[i:i+len(word)], word) {
				return true
			}
		}
	}
	return false
}

func equalLower(text, word string) bool {
	for i := range len(word) {
		if lower(text[i]) != word[i] {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + ('a' - 'A')
	}
	return b
}

// monitors are what known monitors, health checks of load balancers, and
// crawlers call themselves in their User-Agent.
var monitors = newWords([]string{
	"UptimeRobot", "Pingdom", "StatusCake", "Better Uptime Bot", "Site24x7", "HetrixTools", "NodePing",
	"updown.io", "Uptime-Kuma", "Freshping", "DatadogSynthetics", "NewRelicPinger", "Blackbox Exporter",
	"check_http", "kube-probe", "ELB-HealthChecker", "Amazon-Route53-Health-Check-Service", "GoogleHC",

	"Googlebot", "AdsBot-Google", "Google-InspectionTool", "bingbot", "DuckDuckBot", "Slurp", "YandexBot",
	"Baiduspider", "Applebot", "PetalBot", "SeznamBot", "Amazonbot", "Bytespider", "GPTBot", "ClaudeBot",
	"CCBot", "AhrefsBot", "SemrushBot", "MJ12bot", "DotBot", "archive.org_bot", "facebookexternalhit",
	"meta-externalagent", "Twitterbot", "LinkedInBot",
})
