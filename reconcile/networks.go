package reconcile

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Networks are the only ones that this node reaches for sources and
// notifications; none: all but those where a node or its cloud talks to itself.
type Networks []netip.Prefix

// metadata is where a cloud answers with credentials to whoever asks, at an
// address that is not link-local.
var metadata = netip.MustParseAddr("fd00:ec2::254")

// BlockedError is the error of an address that is not to be reached.
type BlockedError struct {
	Addr netip.Addr
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("address %s is not one that this node may reach for sources and notifications", e.Addr)
}

// Allow tells whether an address may be reached; else the error is a *BlockedError.
func (n Networks) Allow(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	if len(n) == 0 && !addr.IsLinkLocalUnicast() && !addr.IsMulticast() && !addr.IsUnspecified() && addr != metadata {
		return nil
	}
	for _, network := range n {
		if network.Contains(addr) {
			return nil
		}
	}
	return &BlockedError{Addr: addr}
}

// AllowHost refuses a host that is written as a forbidden address. A proxy
// would reach it for us, past the dialer.
func (n Networks) AllowHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil {
		return n.Allow(addr)
	}
	return nil
}

// Dialer refuses addresses after their names were resolved, so that a name
// which resolves differently the next time gets nowhere.
func (n Networks) Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout: timeout,
		Control: func(_, address string, _ syscall.RawConn) error {
			reached, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("check address: %w", err)
			}
			return n.Allow(reached.Addr())
		},
	}
}

// longestAsked is how long others may ask us to wait.
const longestAsked = time.Hour

// RetryAfter reads when the other side wants to be asked again, in an hour at
// most: from Retry-After, or from GitHub's word on its rate limit.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	var wait time.Duration
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		wait = time.Duration(min(seconds, int(longestAsked/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	} else if reset, err := strconv.ParseInt(header.Get("X-Ratelimit-Reset"), 10, 64); err == nil && header.Get("X-Ratelimit-Remaining") == "0" {
		wait = time.Unix(reset, 0).Sub(now)
	}
	return min(max(wait, 0), longestAsked)
}
