package runtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// probeFailure explains why an instance does not answer as it should.
func (u *unit) probeFailure(ctx context.Context, err error) *cluster.Failure {
	var failed *probeError
	if !errors.As(err, &failed) {
		failed = &probeError{kind: probeSilent, err: err}
	}
	if u.inst.Address == "" {
		d := diagnosis{
			reason: cluster.ReasonNeverListened,
			what:   "the container has no address that the node can reach: check `networkname`",
			fix:    inFile(u.spec, "", "networkname: bridge"),
		}
		return d.failure(&evidence{})
	}
	e := u.examine(ctx, failed)
	d := diagnose(failed, e, u.spec)
	return d.failure(e)
}

// diagnose explains a probe that failed by what else was found out.
func diagnose(failed *probeError, e *evidence, spec settings) diagnosis {
	var d diagnosis
	switch {
	case failed.kind == probeStatus:
		d = explainStatus(failed, e, spec)
	case failed.kind == probeRefused, e.where != nil && !listensOn(e.where, spec.HTTPPort):
		d = explainRefused(e, spec)
	default:
		d = explainSilence(failed, e, spec)
	}
	d.facts = append(d.facts, e.facts(d.what)...)
	if s, ok := symptomOf(e, spec); ok && !e.ready {
		d.facts = append(d.facts, s.what)
		d.fix = s.fix
	}
	return d
}

// facts are those that help whatever has happened, but for what was said.
func (e *evidence) facts(said string) []string {
	var facts []string
	if where := joinListeners(e.where); where != "" && !strings.Contains(said, where) {
		facts = append(facts, "it listens on "+where)
	}
	if len(e.image.Exposed) > 0 {
		facts = append(facts, "the image exposes "+strings.Join(firstOf(e.image.Exposed), ", "))
	}
	return facts
}

// explainRefused explains a port that takes no connection.
func explainRefused(e *evidence, spec settings) diagnosis {
	d := diagnosis{reason: cluster.ReasonNeverListened}
	port, tcp := spec.HTTPPort, tcpOf(e.where)
	late := fmt.Sprintf("if it needs more than %s to start, %s", spec.StartCheckTimeout(), longerStart(spec))
	switch {
	case e.where == nil:
		d.what = fmt.Sprintf("nothing took a connection on port %d (`httpport`) within %s: it has to be the port the program listens on, bound to 0.0.0.0, not to 127.0.0.1", port, spec.StartCheckTimeout())
		d.fix = late
		if other := exposedPort(e.image.Exposed, port); other != 0 {
			d.fix = inFile(spec, "", fmt.Sprintf("httpport: %d", other))
		}
	case len(tcp) == 0:
		d.what = fmt.Sprintf("the program listens on no port at all after %s, expected was %d (`httpport`)", spec.StartCheckTimeout(), port)
		if len(e.where) > 0 {
			d.what = fmt.Sprintf("the program takes UDP only, no connections; expected was port %d (`httpport`)", port)
		}
		d.fix = late
	case reachable(tcp, port):
		d.what = fmt.Sprintf("the program listens on port %d by now, but took no connection within %s: it is late, or bound to IPv6 alone", port, spec.StartCheckTimeout())
		d.fix = longerStart(spec)
	case listensOn(e.where, port):
		d.what = fmt.Sprintf("the program listens on 127.0.0.1:%d, its own loopback, where nobody else can reach it: bind it to 0.0.0.0", port)
		d.fix = "if it takes that from a variable, such as HOST, " + inFile(spec, "environment", "- HOST=0.0.0.0")
	default:
		d.what = fmt.Sprintf("the program listens on %s, not on port %d (`httpport`)", joinListeners(tcp), port)
		d.fix = inFile(spec, "", fmt.Sprintf("httpport: %d", likelyPort(tcp, e.image.Exposed)))
		if !slices.ContainsFunc(tcp, isOpen) {
			d.what += ", and on its own loopback alone, where nobody else can reach it: bind it to 0.0.0.0"
		}
	}
	return d
}

// longerStart gives the program more time to start.
func longerStart(spec settings) string {
	return inFile(spec, "", fmt.Sprintf("httpstarthealthcheckseconds: %d", 2*max(spec.HTTPStartHealthCheckSeconds, 30)))
}

// explainStatus explains an answer that isn't 200.
func explainStatus(failed *probeError, e *evidence, spec settings) diagnosis {
	d := diagnosis{reason: cluster.ReasonUnhealthy}
	d.what = fmt.Sprintf("the health check GET %s was answered %d", spec.HTTPHealthCheckPath, failed.status)
	body := clean(e.secrets.hide(string(failed.body)), lineMost)
	location := clip(e.secrets.hide(failed.location), lineMost)
	wanted := "a path that answers 200"
	switch {
	case strings.Contains(strings.ToLower(body), "https") && failed.status == http.StatusBadRequest:
		d.what += ": the port seems to speak https, and the check plain http; `httpport` has to be a port in clear (clients' https ends before it)"
	case strings.HasPrefix(location, "https://"):
		d.what += fmt.Sprintf(", a redirect to %s: the check speaks plain http to the container and is not redirected; let the program not redirect (clients' https ends before it)", location)
		wanted = "a path that answers 200 without https"
	case location != "":
		d.what += fmt.Sprintf(", a redirect to %s, which is another host", location)
		wanted = "a path that answers 200 itself"
	case failed.status == http.StatusUnauthorized || failed.status == http.StatusForbidden:
		d.what += ": the check has no credentials"
		wanted = "a path that answers 200 without them"
	case failed.status == http.StatusNotFound:
		d.what += ": there is no such path"
	default:
		d.what += ": only 200 counts"
	}
	d.what += fmt.Sprintf("; `httphealthcheckpath` has to be %s", wanted)
	if body != "" {
		d.facts = append(d.facts, fmt.Sprintf("the answer says %q", body))
	}
	d.fix = statusFix(e, spec)
	return d
}

func statusFix(e *evidence, spec settings) string {
	switch {
	case e.path != "":
		return fmt.Sprintf("%s answers 200; %s", e.path, inFile(spec, "", "httphealthcheckpath: "+e.path))
	case e.ready:
		return inFile(spec, "", "httphealthcheckpath: /A/PATH/THAT/ANSWERS/200")
	}
	return inFile(spec, "", "httphealthcheckpath: /A/PATH/THAT/ANSWERS/200") + ", or to start without the check `httpstarthealthcheckseconds: -1`"
}

// explainSilence explains a connection without an answer.
func explainSilence(failed *probeError, e *evidence, spec settings) diagnosis {
	d := diagnosis{reason: cluster.ReasonUnhealthy}
	d.what = fmt.Sprintf("port %d takes connections, but GET %s got no HTTP answer", spec.HTTPPort, spec.HTTPHealthCheckPath)
	if !errors.Is(failed.err, context.DeadlineExceeded) {
		d.what += fmt.Sprintf(" (%s): check that `httpport` is the HTTP port, and `protocol` (now %s)", clip(e.secrets.hide(failed.err.Error()), lineMost), spec.Protocol)
		d.fix = inFile(spec, "", "protocol: "+otherProtocol(spec.Protocol))
		if other := likelyPort(without(tcpOf(e.where), spec.HTTPPort), e.image.Exposed); other != 0 {
			d.fix = inFile(spec, "", fmt.Sprintf("httpport: %d", other))
		}
		return d
	}
	within := answerWithin
	if !e.ready {
		within = min(answerWithin, spec.StartCheckTimeout())
	}
	d.what += fmt.Sprintf(" within %s: the program hangs, or `httphealthcheckpath` is too slow a path", within)
	d.fix = inFile(spec, "", "httphealthcheckpath: /A/FAST/PATH")
	return d
}

func otherProtocol(now string) string {
	if now == "h2c" {
		return "http"
	}
	return "h2c"
}

func tcpOf(where []Listener) []Listener {
	return slices.DeleteFunc(slices.Clone(where), func(l Listener) bool { return l.UDP })
}

func without(where []Listener, port int) []Listener {
	return slices.DeleteFunc(slices.Clone(where), func(l Listener) bool { return int(l.Address.Port()) == port })
}

func isOpen(l Listener) bool { return !l.Address.Addr().IsLoopback() }

func listensOn(where []Listener, port int) bool {
	return slices.ContainsFunc(where, func(l Listener) bool { return !l.UDP && int(l.Address.Port()) == port })
}

func reachable(tcp []Listener, port int) bool {
	return slices.ContainsFunc(tcp, func(l Listener) bool { return isOpen(l) && int(l.Address.Port()) == port })
}

// likelyPort is the one of the ports that is meant for requests: the first that
// others can reach and that the image exposes, else one that others can reach.
func likelyPort(tcp []Listener, exposed []string) int {
	best, rank := 0, -1
	for _, l := range tcp {
		r := 0
		if isOpen(l) {
			r += 2
		}
		if slices.Contains(exposed, fmt.Sprintf("%d/tcp", l.Address.Port())) {
			r++
		}
		if r > rank {
			best, rank = int(l.Address.Port()), r
		}
	}
	return best
}

// exposedPort is a port that the image exposes, if none of them is the one
// that is asked.
func exposedPort(exposed []string, asked int) int {
	found := 0
	for _, text := range exposed {
		var port int
		if n, err := fmt.Sscanf(text, "%d/tcp", &port); n != 1 || err != nil {
			continue
		}
		if port == asked {
			return 0
		}
		if found == 0 {
			found = port
		}
	}
	return found
}

// namedMost is how many of many things a message names.
const namedMost = 8

func firstOf(all []string) []string {
	if len(all) <= namedMost {
		return all
	}
	return append(slices.Clone(all[:namedMost]), fmt.Sprintf("and %d more", len(all)-namedMost))
}

func joinListeners(where []Listener) string {
	text := make([]string, len(where))
	for i, l := range where {
		text[i] = l.String()
	}
	return strings.Join(firstOf(text), ", ")
}

// String is the address, with the protocol where that is not TCP.
func (l Listener) String() string {
	if l.UDP {
		return l.Address.String() + "/udp"
	}
	return l.Address.String()
}
