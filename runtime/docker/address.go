package docker

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
)

const (
	loopback      = "127.0.0.1"
	defaultBridge = "bridge"
)

// networkOf is the name that the engine knows the network of a component by.
func networkOf(networkName string) string {
	if networkName == "" || networkName == "default" {
		return defaultBridge
	}
	return networkName
}

// endpoint is what the engine says of where a container can be reached.
type endpoint struct {
	mode      container.NetworkMode
	port      int // of the component, inside the container
	networks  map[string]*network.EndpointSettings
	published nat.PortMap
}

// address is where this host dials the container, empty while unknown.
func (d *Driver) address(ctx context.Context, e endpoint) string {
	switch {
	case e.port == 0:
		return ""
	case e.mode.IsHost():
		return join(loopback, e.port)
	case e.mode.IsContainer():
		return d.addressOfOther(ctx, e)
	}
	own := ownAddress(e.networks)
	if own == "" {
		return ""
	}
	if number := publishedOnLoopback(e); number != 0 && !d.dialsDirectly(ctx, e) {
		return join(loopback, number)
	}
	return join(own, e.port)
}

// addressOfOther is the address of a container in the network of another one,
// which may be anybody's: it is only looked at.
func (d *Driver) addressOfOther(ctx context.Context, e endpoint) string {
	var other container.InspectResponse
	err := d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		other, err = d.client.ContainerInspect(ctx, e.mode.ConnectedContainer())
		return err
	})
	switch {
	case err != nil:
		d.log.Warn("container of a shared network is gone", "container", e.mode.ConnectedContainer(), "error", err)
		return ""
	case other.HostConfig.NetworkMode.IsHost():
		return join(loopback, e.port)
	}
	if own := ownAddress(other.NetworkSettings.Networks); own != "" {
		return join(own, e.port)
	}
	return ""
}

// dialsDirectly tells whether the container's own address is to be used though
// its port is published on loopback too, as a user's `ports` may do.
func (d *Driver) dialsDirectly(ctx context.Context, e endpoint) bool {
	reachable, err := d.reachable(ctx, networkOf(string(e.mode)))
	return err == nil && reachable
}

func ownAddress(networks map[string]*network.EndpointSettings) string {
	for _, settings := range networks {
		if settings == nil {
			continue
		}
		if address := cmp.Or(settings.IPAddress, settings.GlobalIPv6Address); address != "" {
			return address
		}
	}
	return ""
}

// publishedOnLoopback is the host port that leads to the component's port from
// this host; zero if there is none.
func publishedOnLoopback(e endpoint) int {
	for _, binding := range e.published[httpPort(e.port)] {
		bound, err := netip.ParseAddr(binding.HostIP)
		if err != nil || bound != netip.MustParseAddr(loopback) && bound != netip.IPv4Unspecified() {
			continue
		}
		if number, err := strconv.Atoi(binding.HostPort); err == nil {
			return number
		}
	}
	return 0
}

func join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
