package proxy

import (
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The fields that an upstream is told of a request. Their names are in
// canonical form, so that they can be put into a map directly.
const (
	fieldFor       = "X-Forwarded-For"
	fieldProto     = "X-Forwarded-Proto"
	fieldHost      = "X-Forwarded-Host"
	fieldPort      = "X-Forwarded-Port"
	fieldRequestID = "X-Request-Id"
	fieldArrival   = "X-Request-Start"
	fieldStart     = "Maelstrom-Start-Nano"
	fieldDeadline  = "Maelstrom-Deadline-Nano"
)

// maxRequestID bounds a client's own request id.
const maxRequestID = 128

// RequestID returns the request's own X-Request-Id if it is one sane value,
// else a new one.
func RequestID(h http.Header) string {
	if ids := h[fieldRequestID]; len(ids) == 1 && saneID(ids[0]) {
		return ids[0]
	}
	const digits = "0123456789abcdef"
	var id [32]byte
	for half := range 2 {
		bits := rand.Uint64()
		for i := range 16 {
			id[half*16+i] = digits[bits>>(4*i)&15]
		}
	}
	return string(id[:])
}

func saneID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case strings.IndexByte("-_.:/+=@", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// rewrite makes out, a copy of the header of in, what the upstream shall see.
func (t Trust) rewrite(out http.Header, in *http.Request, up *Upstream) {
	for name := range out {
		if forged(name, up.Public) {
			delete(out, name)
		}
	}
	values := make([]string, 0, 8) // one allocation for all of them
	set := func(name, value string) {
		values = append(values, value)
		out[name] = values[len(values)-1 : len(values) : len(values)]
	}

	peer := peerAddr(in)
	trusted := len(t) > 0 && t.Has(peer)
	proto, host := t.origin(in, trusted)
	set(fieldProto, proto)
	set(fieldHost, host)
	set(fieldPort, originPort(in, trusted, proto, host))
	if peer.IsValid() {
		set(fieldFor, t.chain(in, peer, trusted))
	}
	set(fieldRequestID, up.RequestID)
	set(fieldArrival, arrival(up.Start))
	if _, kept := out[fieldStart]; !kept {
		set(fieldStart, strconv.FormatInt(up.Start.UnixNano(), 10))
	}
	delete(out, fieldDeadline)
	if !up.Deadline.IsZero() {
		set(fieldDeadline, strconv.FormatInt(up.Deadline.UnixNano(), 10))
	}
}

// forged tells whether a field of a request says what only we may say. Many
// servers read '_' in a name as '-', so both count.
func forged(name string, public bool) bool {
	switch name[0] | 0x20 {
	case 'f':
		return folds(name, "forwarded")
	case 'm':
		return len(name) >= 10 && folds(name[:10], "maelstrom-") && (public || betweenUs(name[10:]))
	case 'x':
		return len(name) >= 12 && folds(name[:12], "x-forwarded-") ||
			folds(name, "x-request-id") || folds(name, "x-request-start")
	}
	return false
}

// betweenUs tells whether only the gateway, or another node, may say what the
// rest of a field name that begins with MAELSTROM- stands for.
func betweenUs(rest string) bool {
	return folds(rest, "component") || folds(rest, "forward") || folds(rest, "deadline-ms") || folds(rest, "expect")
}

// folds compares a field name with one in lower case.
func folds(name, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '_':
			c = '-'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// chain is the X-Forwarded-For to pass on: what trusted proxies say, and the peer.
func (t Trust) chain(in *http.Request, peer netip.Addr, trusted bool) string {
	if trusted {
		if _, believed := t.hops(in.Header[fieldFor], peer); believed != "" {
			return believed + ", " + peer.String()
		}
	}
	return peer.String()
}

// origin is the scheme and the authority that the client used.
func (t Trust) origin(in *http.Request, trusted bool) (proto, host string) {
	proto, host = "http", in.Host
	if in.TLS != nil {
		proto = "https"
	}
	if !trusted {
		return proto, host
	}
	if p := strings.ToLower(lastOf(in.Header[fieldProto])); p == "http" || p == "https" {
		proto = p
	}
	if h := lastOf(in.Header[fieldHost]); h != "" {
		host = h
	}
	return proto, host
}

func originPort(in *http.Request, trusted bool, proto, host string) string {
	if trusted {
		if port := lastOf(in.Header[fieldPort]); isPort(port) {
			return port
		}
	}
	if strings.IndexByte(host, ':') >= 0 {
		if _, port, err := net.SplitHostPort(host); err == nil && isPort(port) {
			return port
		}
	}
	if proto == "https" {
		return "443"
	}
	return "80"
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// lastOf returns the last entry of a list field: the nearest proxy's word.
func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// arrival formats the time a request came in as load balancers do.
func arrival(t time.Time) string {
	b := append(make([]byte, 0, 24), "t="...)
	b = strconv.AppendInt(b, t.Unix(), 10)
	ms := t.Nanosecond() / int(time.Millisecond)
	b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	return string(b)
}
