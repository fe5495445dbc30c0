package proxy

import (
	"net/http"
	"net/netip"
	"strings"
)

// Trust lists the networks of proxies in front of us.
type Trust []netip.Prefix

// Has tells whether a is a trusted proxy.
func (t Trust) Has(a netip.Addr) bool {
	for _, p := range t {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Client returns who sent r: the peer, or behind trusted proxies the
// right-most hop of X-Forwarded-For that is not one of them. It is the zero
// Addr where the peer has no address.
func (t Trust) Client(r *http.Request) netip.Addr {
	peer := peerAddr(r)
	if len(t) == 0 || !t.Has(peer) {
		return peer
	}
	client, _ := t.hops(r.Header["X-Forwarded-For"], peer)
	return client
}

// hops walks the chain of an X-Forwarded-For from its right end, the trusted
// peer, and returns the client and the part of the chain that is believed. A
// hop that is no address ends the walk: the last trusted one is the client.
func (t Trust) hops(fields []string, peer netip.Addr) (client netip.Addr, believed string) {
	chain := strings.Join(fields, ", ")
	client, start := peer, len(chain)
	for end := len(chain); end > 0; {
		comma := strings.LastIndexByte(chain[:end], ',')
		hop, ok := hopAddr(chain[comma+1 : end])
		if !ok {
			break
		}
		client, start = hop, comma+1
		if !t.Has(hop) {
			break
		}
		end = max(comma, 0)
	}
	return client, strings.TrimSpace(chain[start:])
}

// hopAddr reads one entry of a chain, with or without a port.
func hopAddr(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		if a, err := netip.ParseAddr(text[1 : n-1]); err == nil {
			return a.Unmap().WithZone(""), true
		}
	}
	return netip.Addr{}, false
}

func peerAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
