package docker

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"maelstrom/runtime"
)

// networkMemory is how long a network's reachability is believed, so that a
// start needn't ask for it each time.
const networkMemory = 30 * time.Second

// networkFact says how the containers of a network are dialled.
type networkFact struct {
	reachable bool // by their own addresses, from this host
	until     time.Time
}

// Bridges lists the bridge networks whose gateway is an address of this host.
func (d *Driver) Bridges(ctx context.Context) ([]runtime.Bridge, error) {
	facts, err := d.facts(ctx)
	if err != nil {
		return nil, fmt.Errorf("list bridges: %w", err)
	}
	if facts.elsewhere {
		return nil, nil
	}
	var networks []network.Summary
	err = d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		networks, err = d.client.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("driver", "bridge"))})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list bridges: %w", err)
	}
	local, err := localAddresses()
	if err != nil {
		return nil, fmt.Errorf("list bridges: %w", err)
	}
	return bridgesOf(networks, local), nil
}

// bridgesOf picks the bridges whose gateway is one of the local addresses,
// sorted by network, IPv4 first. Some engines leave the gateway of their
// default bridge out: there the host's own address in the subnet is it.
func bridgesOf(networks []network.Summary, local []netip.Addr) []runtime.Bridge {
	var bridges []runtime.Bridge
	for _, n := range networks {
		for _, config := range n.IPAM.Config {
			subnet, err := netip.ParsePrefix(config.Subnet)
			if err != nil {
				continue
			}
			at := slices.IndexFunc(local, func(a netip.Addr) bool {
				return subnet.Contains(a) && (config.Gateway == "" || config.Gateway == a.String())
			})
			if at >= 0 {
				bridges = append(bridges, runtime.Bridge{Network: n.Name, Gateway: local[at], Subnet: subnet.Masked()})
			}
		}
	}
	slices.SortFunc(bridges, func(a, b runtime.Bridge) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), a.Gateway.Compare(b.Gateway))
	})
	return bridges
}

// reachable tells whether containers of a network can be dialled at their own
// addresses: it is a bridge, and this host has an address in its subnet.
func (d *Driver) reachable(ctx context.Context, name string) (bool, error) {
	facts, err := d.facts(ctx)
	if err != nil || facts.elsewhere || d.opt.Publish {
		return false, err
	}
	d.mu.Lock()
	fact, known := d.networks[name]
	d.mu.Unlock()
	if known && time.Now().Before(fact.until) {
		return fact.reachable, nil
	}
	found, err := d.inspectNetwork(ctx, name)
	if err != nil {
		return false, err
	}
	local, err := localAddresses()
	if err != nil {
		return false, err
	}
	fact = networkFact{reachable: onThisHost(found, local), until: time.Now().Add(networkMemory)}
	d.mu.Lock()
	d.networks[name] = fact
	d.mu.Unlock()
	return fact.reachable, nil
}

func (d *Driver) inspectNetwork(ctx context.Context, name string) (network.Inspect, error) {
	var found network.Inspect
	err := d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		found, err = d.client.NetworkInspect(ctx, name, network.InspectOptions{})
		return classifyStart(err)
	})
	if err != nil {
		return network.Inspect{}, fmt.Errorf("inspect network %s: %w", name, err)
	}
	return found, nil
}

func onThisHost(n network.Inspect, local []netip.Addr) bool {
	if n.Driver != "bridge" {
		return false
	}
	return slices.ContainsFunc(n.IPAM.Config, func(config network.IPAMConfig) bool {
		subnet, err := netip.ParsePrefix(config.Subnet)
		return err == nil && slices.ContainsFunc(local, subnet.Contains)
	})
}

// localAddresses are the addresses of this host's interfaces.
func localAddresses() ([]netip.Addr, error) {
	prefixes, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list addresses of this host: %w", err)
	}
	var local []netip.Addr
	for _, text := range prefixes {
		if prefix, err := netip.ParsePrefix(text.String()); err == nil {
			local = append(local, prefix.Addr())
		}
	}
	return local, nil
}
