package docker

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"

	"maelstrom/runtime"
)

var _ runtime.ListenerSource = (*Driver)(nil)

// The states of a listening socket in /proc/net/tcp, and of one without a peer
// in /proc/net/udp.
const (
	procListening = "0A"
	procUnbound   = "07"
)

// resolver is where the engine's own name server listens inside containers.
var resolver = netip.MustParseAddr("127.0.0.11")

// Listeners tells on which addresses a container of ours takes connections.
// It is an error where this host can't see: the container shares the host's
// network, or its processes are somewhere else.
func (d *Driver) Listeners(ctx context.Context, id string) ([]runtime.Listener, error) {
	found, err := d.owned(ctx, id)
	if err != nil {
		return nil, err
	}
	if found.HostConfig.NetworkMode.IsHost() {
		return nil, errors.New("list listeners: the container shares the host's network")
	}
	dir, err := processOf(found)
	if err != nil {
		return nil, fmt.Errorf("list listeners: %w", err)
	}
	all, err := readListeners(dir + "/net/")
	if err != nil {
		return nil, fmt.Errorf("list listeners: %w", err)
	}
	return all, nil
}

// readListeners reads the tables of a network namespace, TCP first.
func readListeners(dir string) ([]runtime.Listener, error) {
	var all []runtime.Listener
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		table, err := os.ReadFile(dir + name)
		if errors.Is(err, fs.ErrNotExist) && name != "tcp" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		udp := strings.HasPrefix(name, "udp")
		for _, address := range listening(string(table), udp) {
			all = append(all, runtime.Listener{Address: address, UDP: udp})
		}
	}
	slices.SortFunc(all, func(a, b runtime.Listener) int {
		if a.UDP != b.UDP {
			return cmp.Compare(strconv.FormatBool(a.UDP), strconv.FormatBool(b.UDP))
		}
		return a.Address.Compare(b.Address)
	})
	return slices.Compact(all), nil
}

// processOf is the directory of the container's first process, if that is
// visible here: the engine's number may mean another process on this host.
func processOf(found container.InspectResponse) (string, error) {
	if found.State.Pid == 0 {
		return "", errors.New("the container does not run")
	}
	dir := "/proc/" + strconv.Itoa(found.State.Pid)
	groups, err := os.ReadFile(dir + "/cgroup")
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(groups), found.ID) {
		return "", errors.New("the container's processes are not on this host")
	}
	return dir, nil
}

// listening reads a table of /proc/net/tcp or tcp6, udp or udp6.
func listening(table string, udp bool) []netip.AddrPort {
	state := procListening
	if udp {
		state = procUnbound
	}
	var list []netip.AddrPort
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[3] != state {
			continue
		}
		if address, ok := procAddress(fields[1]); ok && address.Addr() != resolver {
			list = append(list, address)
		}
	}
	return list
}

// procAddress reads an address of such a table: words in the order of this
// machine's bytes, then the port.
func procAddress(text string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	address, ok := netip.AddrFromSlice(raw)
	number, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), ok && err == nil
}
