package route

import (
	"net/netip"
	"strings"
)

// maxHost is the longest host name that can match; DNS ends at 253.
const maxHost = 255

// NormalHost is the form under which hosts are compared: without port, letter
// case and trailing dot, IPv6 addresses in canonical text without brackets.
// It is false for a text that no client can send as its host.
func NormalHost(host string) (string, bool) {
	if !ValidHost(host) {
		return strings.ToLower(host), false
	}
	name, ok := appendHost(nil, host)
	return string(name), ok
}

// ValidHost tells whether a Host header can be served: the characters that a
// host may have, a port of digits, and brackets only around an address.
func ValidHost(host string) bool {
	for i := range len(host) {
		if !hostByte(host[i]) {
			return false
		}
	}
	name, port := splitPort(host)
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	if strings.HasPrefix(host, "[") {
		_, err := netip.ParseAddr(name)
		return err == nil && len(port) <= 5
	}
	return len(port) <= 5 && len(name) <= maxHost && !strings.ContainsAny(name, "[]")
}

func hostByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!$%&'()*+,-.:;=[]_~", c) >= 0
}

// appendHost appends the normal form of host, without an allocation if dst has
// room; it is false for a host that is too long to be one.
func appendHost(dst []byte, host string) ([]byte, bool) {
	name, _ := splitPort(host)
	name = strings.TrimSuffix(name, ".")
	if len(name) > maxHost {
		return dst, false
	}
	if strings.IndexByte(name, ':') >= 0 {
		if addr, err := netip.ParseAddr(name); err == nil && addr.Zone() == "" {
			return addr.AppendTo(dst), true
		}
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst, true
}

// splitPort cuts the port off. An address with several colons and no brackets
// has none. Brackets that are not closed stay in the name.
func splitPort(host string) (name, port string) {
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return host, ""
		}
		rest := host[end+1:]
		if rest == "" {
			return host[1:end], ""
		}
		if rest[0] != ':' {
			return host, ""
		}
		return host[1:end], rest[1:]
	}
	colon := strings.IndexByte(host, ':')
	if colon < 0 || strings.IndexByte(host[colon+1:], ':') >= 0 {
		return host, ""
	}
	return host[:colon], host[colon+1:]
}
