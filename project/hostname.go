package project

import (
	"net/netip"
	"strings"
)

// NormalHost is the form under which two hostnames of http event sources are
// the same: lower case, without a trailing dot, IPv6 addresses without
// brackets and in canonical text.
func NormalHost(hostname string) string {
	host := strings.ToLower(strings.TrimSuffix(hostname, "."))
	if address, ok := ipv6(host); ok {
		return address.String()
	}
	return host
}

func ipv6(host string) (netip.Addr, bool) {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if !strings.Contains(host, ":") {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(host)
	return address, err == nil && address.Zone() == ""
}

// hostnameProblem tells why no request can carry hostname, "" if one can.
func hostnameProblem(hostname string) (problem, hint string) {
	if _, ok := ipv6(hostname); ok {
		return "", ""
	}
	switch {
	case strings.Contains(hostname, "://"):
		return "has a scheme", "write the host alone, without http://"
	case strings.ContainsAny(hostname, " \t\r\n"):
		return "holds a blank", "write one host; a second one needs an event source of its own"
	case strings.Contains(hostname, "/"):
		return "holds a path", "write the path as pathprefix"
	case strings.ContainsAny(hostname, "[]"):
		return "is no address", "write an IPv6 address, with or without brackets, and no port"
	case strings.Contains(hostname, ":"):
		return "has a port", "write the host alone; the port is the daemon's"
	case hostname == "*":
		return "has no name after the star", "leave hostname out to get every host, or write *.example.com"
	}
	return labelsProblem(strings.TrimSuffix(strings.TrimPrefix(hostname, "*."), "."), len(hostname))
}

func labelsProblem(name string, length int) (problem, hint string) {
	if length > 254 {
		return "is too long", "a host name has at most 253 characters"
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return "has an empty label", "write one dot between two labels"
		case strings.Contains(label, "*"):
			return "has a star in the wrong place", "a star stands alone in front: *.example.com"
		case len(label) > 63:
			return "has a label that is too long", "a label has at most 63 characters"
		case strings.ContainsFunc(label, func(r rune) bool { return r > 0x7f }):
			return "holds a letter that no request carries", "write the name in its xn-- form"
		case strings.ContainsFunc(label, func(r rune) bool { return !labelRune(r) }):
			return "holds a character that no host has", "write letters, digits, dots and dashes"
		}
	}
	return "", ""
}

func labelRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
