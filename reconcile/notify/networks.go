package notify

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
)

// metadata is where a cloud answers with credentials to whoever asks, at an
// address that is not link-local.
var metadata = netip.MustParseAddr("fd00:ec2::254")

// allowed tells whether events may be sent to an address.
func allowed(networks []netip.Prefix, addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	if len(networks) == 0 {
		if !addr.IsLinkLocalUnicast() && !addr.IsMulticast() && !addr.IsUnspecified() && addr != metadata {
			return nil
		}
	}
	for _, network := range networks {
		if network.Contains(addr) {
			return nil
		}
	}
	return fmt.Errorf("address %s is not one that events may be sent to", addr)
}

// proxyOf is the proxy that the environment names. A host that is written as
// a forbidden address is refused: a proxy would reach it for us.
func proxyOf(networks []netip.Prefix) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if addr, err := netip.ParseAddr(r.URL.Hostname()); err == nil {
			if err := allowed(networks, addr); err != nil {
				return nil, err
			}
		}
		return http.ProxyFromEnvironment(r)
	}
}
