package daemon

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"maelstrom/cluster/store"
)

// address is where other nodes reach this one; without a port for them it is
// the private one, for people.
func (d *Daemon) address() string {
	if d.opt.PeerAddr == "" {
		return d.localAddress()
	}
	return d.peerAddress()
}

// peerAddress is what MAEL_PEER_ADVERTISE says; else the address that
// MAEL_PEER_ADDR binds; else the one that packets leave this machine with.
func (d *Daemon) peerAddress() string {
	bound, port, err := net.SplitHostPort(d.opt.PeerAddr)
	if err != nil {
		return d.opt.PeerAddr
	}
	if said := d.opt.PeerAdvertise; said != "" {
		if _, _, err := net.SplitHostPort(said); err == nil {
			return said
		}
		return net.JoinHostPort(strings.Trim(said, "[]"), port)
	}
	if addr, err := netip.ParseAddr(bound); bound != "" && (err != nil || !addr.IsUnspecified()) {
		return d.opt.PeerAddr
	}
	return net.JoinHostPort(outbound(d.databaseAddress()), port)
}

// parseAdvertised reads a host, or a host and a port, that others can dial.
func parseAdvertised(value string) (string, error) {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		host, port = strings.Trim(value, "[]"), "1"
	}
	n, numberErr := strconv.Atoi(port)
	addr, addrErr := netip.ParseAddr(host)
	named := addrErr != nil && host != "" && !strings.ContainsAny(host, "/:@ ")
	if !named && (addrErr != nil || addr.IsUnspecified()) || numberErr != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q is not an address that others can dial, such as 10.0.0.5 or node1.example:8376", value)
	}
	return value, nil
}

// databaseAddress is where the database server listens; empty without one.
func (d *Daemon) databaseAddress() string {
	dsn, err := store.ParseDSN(d.opt.SQLDriver, d.opt.SQLDSN)
	if err != nil {
		return ""
	}
	address, _, _ := strings.Cut(dsn.Where, "/")
	return address
}

// outbound is the address of this machine on its way to another one, or else
// to the world: peers are most likely found in the same direction. Nothing is
// sent for that.
func outbound(toward string) string {
	for _, target := range []string{toward, "192.0.2.1:9", "[2001:db8::1]:9"} {
		if _, err := netip.ParseAddrPort(target); err != nil {
			continue // a name: its lookup could take long
		}
		conn, err := net.Dial("udp", target)
		if err != nil {
			continue // no route there
		}
		local, err := netip.ParseAddrPort(conn.LocalAddr().String())
		conn.Close()
		if err == nil && local.Addr().IsGlobalUnicast() {
			return local.Addr().Unmap().String()
		}
	}
	addrs, _ := net.InterfaceAddrs() // none that can be listed: this machine alone
	for _, one := range addrs {
		if prefix, err := netip.ParsePrefix(one.String()); err == nil && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr().String()
		}
	}
	return "127.0.0.1"
}
