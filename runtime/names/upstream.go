package names

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Where a host says which name servers it uses. The second is written by
// systemd-resolved, and has those behind its own.
const (
	hostFile     = "/etc/resolv.conf"
	resolvedFile = "/run/systemd/resolve/resolv.conf"
)

const (
	dnsPort   = 53
	lookAgain = time.Second // between two looks at the files
)

// engineDefault is what a container engine tells containers to ask on a host
// that names no server they could reach.
var engineDefault = []netip.Addr{
	netip.AddrFrom4([4]byte{8, 8, 8, 8}),
	netip.AddrFrom4([4]byte{8, 8, 4, 4}),
}

// Upstream knows which name servers to ask for names that are not ours. It
// follows the host's files as they change.
type Upstream struct {
	fixed []netip.AddrPort
	files []string

	mu     sync.Mutex
	looked time.Time
	seen   []fileState
	lists  [][]netip.Addr
}

// fileState tells whether a file was changed.
type fileState struct {
	modified time.Time
	size     int64
}

// NewUpstream returns the name servers that are given, or the host's own if
// none is.
func NewUpstream(fixed []netip.AddrPort) *Upstream {
	return &Upstream{fixed: fixed, files: []string{hostFile, resolvedFile}}
}

// Servers are the ones to ask from this host, in this order.
func (u *Upstream) Servers() []netip.AddrPort {
	if len(u.fixed) > 0 {
		return u.fixed
	}
	lists := u.read()
	found := firstOf(slices.DeleteFunc(slices.Clone(lists[0]), isLocal), slices.DeleteFunc(slices.Clone(lists[1]), isLocal), lists[0], engineDefault)
	servers := make([]netip.AddrPort, 0, len(found))
	for _, address := range found {
		servers = append(servers, netip.AddrPortFrom(address, dnsPort))
	}
	return servers
}

// Containers are the ones that a container can ask without us, never empty;
// ipv6 says whether it has such an address.
func (u *Upstream) Containers(ipv6 bool) []netip.Addr {
	outOfReach := func(a netip.Addr) bool {
		return isLocal(a) || a.IsLinkLocalUnicast() || a.Is6() && !ipv6
	}
	var fixed []netip.Addr
	for _, server := range u.fixed {
		if server.Port() == dnsPort {
			fixed = append(fixed, server.Addr())
		}
	}
	lists := u.read()
	return firstOf(
		slices.DeleteFunc(fixed, outOfReach),
		slices.DeleteFunc(slices.Clone(lists[0]), outOfReach),
		slices.DeleteFunc(slices.Clone(lists[1]), outOfReach),
		engineDefault)
}

// isLocal tells whether an address means the host that says it.
func isLocal(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }

func firstOf(lists ...[]netip.Addr) []netip.Addr {
	for _, list := range lists {
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

// read returns the servers of each file, read again if they were changed. A
// file that can't be read has none.
func (u *Upstream) read() [][]netip.Addr {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	if u.lists != nil && now.Sub(u.looked) < lookAgain {
		return u.lists
	}
	u.looked = now
	seen := make([]fileState, len(u.files))
	for i, path := range u.files {
		if info, err := os.Stat(path); err == nil {
			seen[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	if u.lists != nil && slices.Equal(seen, u.seen) {
		return u.lists
	}
	lists := make([][]netip.Addr, len(u.files))
	for i, path := range u.files {
		if text, err := os.ReadFile(path); err == nil {
			lists[i] = nameServersIn(text)
		}
	}
	u.seen, u.lists = seen, lists
	return lists
}

// nameServersIn reads a resolv.conf.
func nameServersIn(text []byte) []netip.Addr {
	var found []netip.Addr
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if address, err := netip.ParseAddr(fields[1]); err == nil && !slices.Contains(found, address) {
			found = append(found, address)
		}
	}
	return found
}
