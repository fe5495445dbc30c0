package rpc

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// caller is who made a request, kept in its context.
type caller struct {
	token     string // name of the token; empty: none was needed
	requestID string
	node      bool // it is another node, by its certificate
	recalled  *recalled
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// actor is how the history names the caller: what it calls itself, which
// nobody checked, beside the token, which was.
func (c caller) actor(claimed string) string {
	claimed = strings.TrimSpace(claimed)
	switch {
	case claimed == "":
		return c.token
	case c.token == "":
		return claimed
	}
	return claimed + " (" + c.token + ")"
}

// presented is the secret that a request carries: a bearer token, or the
// password of HTTP Basic. A lone user name counts as the password, for URLs of
// the form http://TOKEN@host.
func presented(r *http.Request) string {
	if user, password, ok := r.BasicAuth(); ok {
		if password == "" {
			return user
		}
		return password
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(secret)
	}
	return ""
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Add("WWW-Authenticate", `Bearer realm="maelstrom"`)
	w.Header().Add("WWW-Authenticate", `Basic realm="maelstrom", charset="UTF-8"`)
	plain(w, http.StatusUnauthorized, "This needs an API token: as bearer token, or as password of HTTP Basic")
}

// crossOrigin tells whether a browser sent r on behalf of another site.
func crossOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host)
}

// local tells whether r comes straight from this machine: no proxy in
// between, and addressed by a name that no other site can make its own.
func local(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	return r.Host == "" || loopbackHost(hostname(r.Host))
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// loopbackHost tells whether a host can only mean this machine.
func loopbackHost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func plain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // the client may be gone
}
