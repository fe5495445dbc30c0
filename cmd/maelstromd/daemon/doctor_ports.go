package daemon

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
)

// ports dials what this daemon serves, as its clients do.
func (d *doctor) ports(ctx context.Context) []rpc.Check {
	public := d.opt.PublicAddr
	if public.IsUnspecified() {
		public = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	checks := []rpc.Check{
		dialCheck(ctx, "port.public", netip.AddrPortFrom(public, uint16(d.opt.PublicPort))),
		dialCheck(ctx, "port.private", netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(d.opt.PrivatePort))),
	}
	for _, bridge := range d.knownBridges() {
		checks = append(checks, dialCheck(ctx, "port.bridge."+bridge.Network, netip.AddrPortFrom(bridge.Gateway, uint16(d.opt.PrivatePort))))
		if d.bridges.names != nil {
			checks = append(checks, d.nameChecks(ctx, bridge))
		}
	}
	return checks
}

// nameChecks looks at what answers the names of components on a network.
func (d *doctor) nameChecks(ctx context.Context, bridge runtime.Bridge) rpc.Check {
	name := "names." + bridge.Network
	if d.bridges.names.at(bridge.Gateway) != nil {
		return dialCheck(ctx, name, netip.AddrPortFrom(bridge.Gateway, namesPort))
	}
	found := "the containers of this network find no components by name"
	if err := d.bridges.names.reason(bridge); err != nil {
		found += ": " + err.Error()
	}
	return warning(name, found, "let this daemon have the ports 53 and 80 of "+bridge.Gateway.String()+", or set MAEL_SERVICE_NAMES=off")
}

// knownBridges are the networks whose containers this node serves, by name.
func (d *doctor) knownBridges() []runtime.Bridge {
	known := d.bridges.known.Load()
	if known == nil {
		return nil
	}
	var list []runtime.Bridge
	for _, name := range slices.Sorted(maps.Keys(*known)) {
		list = append(list, (*known)[name])
	}
	return list
}

func dialCheck(ctx context.Context, name string, address netip.AddrPort) rpc.Check {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address.String())
	if err != nil {
		return failed(name, err.Error(), fmt.Sprintf("see the daemon's log for port %d: something else may listen there", address.Port()))
	}
	conn.Close()
	return passed(name, "%s listens", address)
}

// interfaceOf names the network interface that has an address, for rules of a
// firewall.
func interfaceOf(addr netip.Addr) string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		for _, a := range addrs {
			if prefix, parseErr := netip.ParsePrefix(a.String()); err == nil && parseErr == nil && prefix.Addr() == addr {
				return i.Name
			}
		}
	}
	return ""
}

// allowAdvice is how two usual firewalls let a bridge's containers in.
func allowAdvice(bridge runtime.Bridge, port int) string {
	name := interfaceOf(bridge.Gateway)
	if name == "" {
		name = "<interface of " + bridge.Network + ">"
	}
	return fmt.Sprintf("let the containers of this network reach %s: `ufw allow in on %s to %s port %d proto tcp`, or with firewalld `firewall-cmd --permanent --zone=trusted --add-interface=%s`, or another rule that accepts this before one that drops it",
		net.JoinHostPort(bridge.Gateway.String(), strconv.Itoa(port)), name, bridge.Gateway, port, name)
}
