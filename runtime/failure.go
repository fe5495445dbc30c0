package runtime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// settings is the effective component that a message is about.
type settings = *project.Component

// startFailure explains why a container could not be started.
func startFailure(err error, spec settings) *cluster.Failure {
	var known *cluster.Failure
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrEngineDown), errors.Is(err, context.DeadlineExceeded):
		return &cluster.Failure{Reason: cluster.ReasonEngineDown, Message: fmt.Sprintf(
			"the container engine of the node does not answer (%s): check that it runs; starts go on by themselves once it does", err)}
	case errors.Is(err, ErrImageMissing), errors.Is(err, ErrPull):
		return imageFailure(err, spec)
	case errors.Is(err, ErrConflict):
		return &cluster.Failure{Reason: cluster.ReasonExited, Message: fmt.Sprintf(
			"the name of the placement's container is taken: remove that container (%s)", err)}
	}
	return &cluster.Failure{Reason: cluster.ReasonExited, Message: refusedMessage(err.Error())}
}

// refusals tells by the engine's text which key it refuses.
var refusals = []struct{ text, hint string }{
	{"already allocated", "another container or program has the port: change `ports`"},
	{"address already in use", "another container or program has the port: change `ports`"},
	{"executable file not found", "its program is not in the image: check `command` and `entrypoint`"},
	{"exec format error", "the image is for another processor: check `image`"},
	{"permission denied", "its program can't be executed: check `command`, `entrypoint` and `user`"},
	{"bind source path", "the source directory does not exist on the node: check `volumes`"},
	{"invalid mount", "check `volumes`"},
	{"unable to find user", "the image has no such user: check `user`"},
	{"unable to find group", "the image has no such group: check `user`"},
	{"network", "check `networkname`"},
	{"logging driver", "check `logdriver` and `logdriveroptions`"},
	{"log opt", "check `logdriver` and `logdriveroptions`"},
	{"memory limit", "check `limitmemory`"},
	{"memory reservation", "check `reservememory` and `limitmemory`"},
	{"capabilit", "check `capadd` and `capdrop`"},
	{"ulimit", "check `ulimits`"},
	{"no such file", "its program is not in the image: check `command` and `entrypoint`"},
}

func refusedMessage(text string) string {
	low := strings.ToLower(text)
	for _, r := range refusals {
		if strings.Contains(low, r.text) {
			return fmt.Sprintf("the container could not be started: %s (%s)", r.hint, text)
		}
	}
	return fmt.Sprintf("the container could not be started: %s", text)
}

// probeFailure explains why an instance is not ready.
func (u *unit) probeFailure(ctx context.Context, err error) *cluster.Failure {
	var failed *probeError
	if !errors.As(err, &failed) {
		failed = &probeError{kind: probeSilent, err: err}
	}
	switch failed.kind {
	case probeRefused:
		return &cluster.Failure{Reason: cluster.ReasonNeverListened, Message: u.refusedWhere(ctx)}
	case probeStatus:
		return &cluster.Failure{Reason: cluster.ReasonUnhealthy, Message: statusMessage(failed, u.spec)}
	}
	if where := u.listeners(ctx); where != nil && !listensOn(where, u.spec.HTTPPort) {
		return &cluster.Failure{Reason: cluster.ReasonNeverListened, Message: u.refusedWhere(ctx)}
	}
	return &cluster.Failure{Reason: cluster.ReasonUnhealthy, Message: silentMessage(failed, u.spec)}
}

// listeners returns where the container listens, nil if that is unknown.
func (u *unit) listeners(ctx context.Context) []netip.AddrPort {
	source, ok := u.agent.driver.(ListenerSource)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	where, err := source.Listeners(ctx, u.inst.ContainerID)
	if err != nil {
		return nil
	}
	if where == nil {
		where = []netip.AddrPort{}
	}
	return where
}

func (u *unit) refusedWhere(ctx context.Context) string {
	if u.inst.Address == "" {
		return "the container has no address that the node can reach: check `networkname`"
	}
	return refusedMessageAt(u.listeners(ctx), u.spec)
}

// refusedMessageAt explains a port that takes no connection, from where the
// container listens; nil: unknown.
func refusedMessageAt(where []netip.AddrPort, spec settings) string {
	port, within := spec.HTTPPort, spec.StartCheckTimeout()
	late := fmt.Sprintf("if it needs more than %s to start, raise `httpstarthealthcheckseconds`", within)
	switch {
	case where == nil:
		return fmt.Sprintf("nothing took a connection on port %d within %s: set `httpport` to the port the program listens on, and bind it to 0.0.0.0, not to 127.0.0.1; %s", port, within, late)
	case len(where) == 0:
		return fmt.Sprintf("the program listens on no port at all after %s, expected was %d (`httpport`); %s", within, port, late)
	case slices.ContainsFunc(where, func(a netip.AddrPort) bool { return int(a.Port()) == port && !a.Addr().IsLoopback() }):
		return fmt.Sprintf("the program listens on port %d by now, but took no connection within %s; %s", port, within, late)
	case listensOn(where, port):
		return fmt.Sprintf("the program listens on 127.0.0.1:%d, its own loopback, where nobody else can reach it: bind it to 0.0.0.0", port)
	}
	return fmt.Sprintf("the program listens on %s, not on port %d: set `httpport: %d`, or make it listen on %d (bound to 0.0.0.0)",
		joinAddresses(where), port, where[0].Port(), port)
}

func listensOn(where []netip.AddrPort, port int) bool {
	return slices.ContainsFunc(where, func(a netip.AddrPort) bool { return int(a.Port()) == port })
}

func joinAddresses(where []netip.AddrPort) string {
	text := make([]string, len(where))
	for i, a := range where {
		text[i] = a.String()
	}
	return strings.Join(text, ", ")
}

// statusMessage explains an answer that isn't 200.
func statusMessage(failed *probeError, spec settings) string {
	what := fmt.Sprintf("the health check GET %s was answered %d", spec.HTTPHealthCheckPath, failed.status)
	const skip = "or a negative `httpstarthealthcheckseconds` to start without the check"
	switch {
	case strings.HasPrefix(failed.location, "https://"):
		return fmt.Sprintf("%s, a redirect to %s: the check speaks plain http to the container and is not redirected; set `httphealthcheckpath` to a path that answers 200 without https, or switch the redirect off in the program (clients' https ends before it)", what, failed.location)
	case failed.location != "":
		return fmt.Sprintf("%s, a redirect to %s, which is another host: set `httphealthcheckpath` to a path that answers 200 itself", what, failed.location)
	case failed.status == http.StatusUnauthorized || failed.status == http.StatusForbidden:
		return fmt.Sprintf("%s: the check has no credentials; set `httphealthcheckpath` to a path that answers 200 without them", what)
	case failed.status == http.StatusNotFound:
		return fmt.Sprintf("%s: set `httphealthcheckpath` to a path that exists and answers 200, %s", what, skip)
	}
	return fmt.Sprintf("%s: only 200 counts; set `httphealthcheckpath` to a path that answers 200, %s", what, skip)
}

// silentMessage explains a connection without an answer.
func silentMessage(failed *probeError, spec settings) string {
	what := fmt.Sprintf("port %d takes connections, but GET %s got no HTTP answer", spec.HTTPPort, spec.HTTPHealthCheckPath)
	if errors.Is(failed.err, context.DeadlineExceeded) {
		return what + fmt.Sprintf(" within %s: the program hangs, or `httphealthcheckpath` is too slow a path", min(answerWithin, spec.StartCheckTimeout()))
	}
	return what + fmt.Sprintf(" (%s): check that `httpport` is the HTTP port, and `protocol` (now %s)", failed.err, spec.Protocol)
}
