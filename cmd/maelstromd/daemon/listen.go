package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
)

// listenFunc is what net.ListenConfig.Listen is.
type listenFunc func(ctx context.Context, network, address string) (net.Listener, error)

// bind binds a port and names the variable to change if that fails.
func (l listenFunc) bind(ctx context.Context, addr netip.Addr, port int, variable string) (net.Listener, error) {
	host := addr.String()
	if addr == netip.IPv6Unspecified() {
		host = "" // both families, also where the host has IPv4 alone
	}
	listener, err := l(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use: stop what listens there, or set %s to another port", port, variable)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %d may not be bound by this user: set %s to a port above 1023, or allow it with CAP_NET_BIND_SERVICE", port, variable)
	case err != nil:
		return nil, fmt.Errorf("bind port %d (%s): %w", port, variable, err)
	}
	return listener, nil
}

// bindLoopback binds the private port on this machine's own addresses, as far
// as it is not given: IPv4, and IPv6 where there is any.
func (l listenFunc) bindLoopback(ctx context.Context, port int, given []net.Listener) ([]net.Listener, error) {
	listeners := given
	for _, address := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		at := netip.AddrPortFrom(address, uint16(port)).String()
		if slices.ContainsFunc(given, func(one net.Listener) bool { return one.Addr().String() == at }) {
			continue
		}
		listener, err := l.bind(ctx, address, port, "MAEL_PRIVATE_PORT")
		switch {
		case err == nil:
			listeners = append(listeners, listener)
		case address.Is4():
			return nil, errors.Join(err, closeAll(listeners...))
		}
	}
	return listeners, nil
}

// subnetListener accepts connections from one subnet alone.
type subnetListener struct {
	net.Listener
	subnet netip.Prefix
}

func (l subnetListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if err == nil && l.subnet.Contains(peer.Addr().Unmap()) {
			return conn, nil
		}
		conn.Close()
	}
}
