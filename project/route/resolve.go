package route

import (
	"fmt"
	"net/http"
	"strings"
)

const (
	// HealthCheckTarget answers 200 OK on both gateways, whatever the host.
	HealthCheckTarget = "/_mael_health_check"

	// HealthCheckBody is the answer to HealthCheckTarget.
	HealthCheckBody = "OK"

	// NotFoundBody is the answer to a request that no component matches.
	NotFoundBody = "No component matches the request"

	// DisabledBody is the answer to a request that nothing matches but a rule
	// which is disabled.
	DisabledBody = "The route is disabled"

	// ComponentHeader names the component that a request on the private
	// gateway is for. It comes before every rule and never strips.
	ComponentHeader = "Maelstrom-Component"
)

// Gateway says where a request comes in.
type Gateway string

// The gateways.
const (
	Public  Gateway = "public"
	Private Gateway = "private"
)

// Request is a request to explain.
type Request struct {
	Gateway Gateway // empty: public
	Host    string  // the Host header; empty: none
	Target  string  // as in the request line, or an absolute URL, whose authority wins over Host
	Headers http.Header

	// Disabled are the rules that don't count; nil: not known.
	Disabled *Table

	// Component tells whether a component of that full name exists. Without
	// it, those that the table has rules for exist.
	Component func(name string) bool
}

// Resolution says what happens to a request and why.
type Resolution struct {
	Matched        bool   `json:"matched"`
	EventSource    string `json:"event_source"`
	Component      string `json:"component"`
	UpstreamTarget string `json:"upstream_target"` // what the container receives
	Status         int    `json:"status"`          // what the client gets without a component; else 0
	Body           string `json:"body"`
	Reason         string `json:"reason"`
}

// Resolve explains which component gets a request, from the table that the
// gateways use.
func Resolve(t *Table, r Request) Resolution {
	authority, target, ok := SplitTarget(r.Target)
	if !ok || !ValidTarget(target) {
		return badRequest(fmt.Sprintf("%q can't be a request target: it takes a path that begins with a slash, without blanks, or an absolute http URL", r.Target))
	}
	host := r.Host
	if authority != "" {
		host = authority
		target, _, _ = strings.Cut(target, "#") // a client keeps the fragment to itself
	}
	if !ValidHost(host) {
		return badRequest(fmt.Sprintf("%q can't be a host", host))
	}
	if target == HealthCheckTarget {
		return Resolution{Status: http.StatusOK, Body: HealthCheckBody, Reason: "the gateway's own health check, whatever the host"}
	}
	if names := r.Headers.Values(ComponentHeader); len(names) > 0 && r.Gateway == Private {
		return resolveHeader(t, r, names[0], target)
	}
	m, ok := t.Match(host, Path(target))
	if !ok {
		return unmatched(r.Disabled, host, target)
	}
	return Resolution{
		Matched:        true,
		EventSource:    m.Rule.EventSource,
		Component:      m.Rule.Component,
		UpstreamTarget: m.Target(target),
		Reason:         m.why(),
	}
}

// unmatched explains a request that no rule matches.
func unmatched(disabled *Table, host, target string) Resolution {
	m, ok := disabled.Match(host, Path(target))
	if !ok {
		return notFound("no enabled http event source has this host and a prefix of this path")
	}
	return Resolution{
		Status: http.StatusServiceUnavailable, Body: DisabledBody,
		Reason: fmt.Sprintf("event source %s matches by %s, but is disabled: maelctl es enable %s", m.Rule.EventSource, m.why(), m.Rule.EventSource),
	}
}

func resolveHeader(t *Table, r Request, name, target string) Resolution {
	exists := r.Component
	if exists == nil {
		exists = t.hasComponent
	}
	if !exists(name) {
		return notFound(fmt.Sprintf("header %s names %q, which is no component", ComponentHeader, name))
	}
	return Resolution{
		Matched:        true,
		Component:      name,
		UpstreamTarget: target,
		Reason:         "named by header " + ComponentHeader,
	}
}

func (t *Table) hasComponent(name string) bool {
	if t == nil || t.rules.spine == nil {
		return false
	}
	for _, shard := range t.rules.spine {
		for _, rule := range shard {
			if rule.Component == name {
				return true
			}
		}
	}
	return false
}

func (m Match) why() string {
	path := "any path"
	if m.Rule.PathPrefix != "" {
		path = fmt.Sprintf("longest path prefix %q", m.Rule.PathPrefix)
	}
	switch {
	case m.Rule.Hostname == "":
		return "any host, " + path
	case strings.HasPrefix(m.Rule.Hostname, "*."):
		return fmt.Sprintf("wildcard host %q, %s", m.Rule.Hostname, path)
	}
	return fmt.Sprintf("host %q, %s", m.Rule.Hostname, path)
}

func badRequest(reason string) Resolution {
	return Resolution{Status: http.StatusBadRequest, Body: http.StatusText(http.StatusBadRequest), Reason: reason}
}

func notFound(reason string) Resolution {
	return Resolution{Status: http.StatusNotFound, Body: NotFoundBody, Reason: reason}
}
