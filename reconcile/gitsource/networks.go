package gitsource

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// metadata is where clouds answer with credentials to whoever asks, where that
// is not a link-local address.
var metadata = netip.MustParseAddr("fd00:ec2::254")

// ParseNetworks reads networks or addresses with commas between.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for field := range strings.SplitSeq(text, ",") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(field)
		if err != nil {
			addr, err := netip.ParseAddr(field)
			if err != nil {
				return nil, fmt.Errorf("%q is no network (10.0.0.0/8) and no address", field)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// blockedError is the error of an address that sources may not be fetched from.
type blockedError struct {
	addr netip.Addr
}

func (e *blockedError) Error() string {
	return fmt.Sprintf("address %s is not one that sources may be fetched from", e.addr)
}

// allowed tells whether sources may be fetched from an address.
func allowed(networks []netip.Prefix, addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	if len(networks) == 0 {
		if addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.IsUnspecified() || addr == metadata {
			return &blockedError{addr: addr}
		}
		return nil
	}
	for _, n := range networks {
		if n.Contains(addr) {
			return nil
		}
	}
	return &blockedError{addr: addr}
}

// guardedDialer refuses addresses after their names were resolved, so that a name
// which resolves differently the next time gets nowhere.
func guardedDialer(networks []netip.Prefix) *net.Dialer {
	return &net.Dialer{
		Timeout: 10 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("check address: %w", err)
			}
			return allowed(networks, ap.Addr())
		},
	}
}

// checkLiteral refuses a host that is written as a forbidden address. A proxy
// would reach it for us, past the dialer.
func checkLiteral(networks []netip.Prefix, host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return allowed(networks, addr)
	}
	return nil
}
