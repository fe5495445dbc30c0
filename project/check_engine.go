package project

import (
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"
)

// checkEngine checks the values whose syntax is the engine's, so that a
// mistake shows here and not when a container starts.
func checkEngine(c checker, comp *Component) {
	if comp.Image != "" {
		checkImage(c, comp.Image)
	}
	checkEach(c, "ports", comp.Ports, checkPort)
	checkEach(c, "ulimits", comp.Ulimits, checkUlimit)
	checkEach(c, "dns", comp.DNS, checkAddress)
	checkUser(c, comp.User)
	checkWords(c, comp)
	for _, name := range slices.Sorted(maps.Keys(comp.Nodes)) {
		checkLabel(c, "nodes."+name, name, comp.Nodes[name])
	}
}

func checkImage(c checker, image string) {
	_, err := reference.ParseAnyReference(image)
	switch {
	case err == nil:
	case strings.ContainsAny(image, " \t"):
		c.value(ruleImage, "image", image, "is not an image reference: it holds a blank", "write [registry/]name[:tag]")
	case strings.ToLower(image) != image && !strings.Contains(image, "://"):
		c.value(ruleImage, "image", image, "is not an image reference", "write the name in lower case: [registry/]name[:tag] or [registry/]name@sha256:digest")
	default:
		c.value(ruleImage, "image", image, "is not an image reference", "write [registry/]name[:tag] or [registry/]name@sha256:digest")
	}
}

func checkAddress(c checker, at, address string) {
	if _, err := netip.ParseAddr(address); err != nil {
		c.value(ruleDNS, at, address, "is not an address", "write the IP address of a name server")
	}
}

func checkPort(c checker, at, spec string) {
	mappings, err := nat.ParsePortSpec(spec)
	ok := err == nil
	for _, m := range mappings {
		host, _, rangeErr := nat.ParsePortRange(m.Binding.HostPort)
		ok = ok && m.Port.Int() > 0 && (m.Binding.HostPort == "" || rangeErr == nil && host > 0)
	}
	if !ok {
		c.value(rulePorts, at, spec, "is not a port mapping", `write "[[address:]hostport:]containerport[/tcp|udp|sctp]", ports from 1 to 65535`)
	}
}

func checkUlimit(c checker, at, limit string) {
	_, err := units.ParseUlimit(limit)
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "soft limit must be"):
		c.value(ruleUlimits, at, limit, "has a soft limit above the hard one", "write name=soft:hard with soft <= hard")
	case strings.Contains(err.Error(), "invalid ulimit type"):
		c.value(ruleUlimits, at, limit, "names no limit", "names are core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack")
	default:
		c.value(ruleUlimits, at, limit, "is not a ulimit", "write name=soft or name=soft:hard, as in nofile=1024:2048")
	}
}

var userSyntax = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.-]*\$?(:[A-Za-z0-9_.][A-Za-z0-9_.-]*\$?)?$`)

func checkUser(c checker, user string) {
	if user == "" {
		return
	}
	if !userSyntax.MatchString(user) {
		c.value(ruleUser, "user", user, "is not a user", "write user, user:group, uid or uid:gid")
		return
	}
	for part := range strings.SplitSeq(user, ":") {
		if strings.Trim(part, "0123456789") != "" {
			continue
		}
		if n, err := strconv.ParseInt(part, 10, 64); err != nil || n > unbounded {
			c.value(ruleUser, "user", user, "has a number that is too large", "numbers of users and groups end at 2147483647")
		}
	}
}

var (
	hostSyntax       = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)
	capabilitySyntax = regexp.MustCompile(`^[A-Za-z_]+$`)
)

// checkWords checks the short texts that the engine takes as they are.
func checkWords(c checker, comp *Component) {
	if comp.Hostname != "" && (!hostSyntax.MatchString(comp.Hostname) || len(comp.Hostname) > 63) {
		c.value(ruleEngine, "hostname", comp.Hostname, "is no host name for a container", "write at most 63 letters, digits, dots and dashes")
	}
	if comp.DomainName != "" && !hostSyntax.MatchString(comp.DomainName) {
		c.value(ruleEngine, "domainname", comp.DomainName, "is no domain name for a container", "write letters, digits, dots and dashes")
	}
	checkNoBlank(c, "networkname", comp.NetworkName)
	checkNoBlank(c, "logdriver", comp.LogDriver)
	checkEach(c, "dnsoptions", comp.DNSOptions, checkResolverWord)
	checkEach(c, "dnssearch", comp.DNSSearch, checkResolverWord)
	checkEach(c, "capadd", comp.CapAdd, checkCapability)
	checkEach(c, "capdrop", comp.CapDrop, checkCapability)
}

func checkEach(c checker, at string, list []string, check func(c checker, at, word string)) {
	for i, word := range list {
		check(c, index(at, i), word)
	}
}

func checkResolverWord(c checker, at, word string) {
	if word == "" {
		c.bad(ruleEngine, at, "an empty text", "remove it")
	}
	checkNoBlank(c, at, word)
}

func checkCapability(c checker, at, name string) {
	if !capabilitySyntax.MatchString(name) {
		c.value(ruleEngine, at, name, "is no capability", "write a name such as NET_ADMIN, or ALL")
	}
}

func checkNoBlank(c checker, at, word string) {
	if strings.ContainsAny(word, " \t\r\n") {
		c.value(ruleEngine, at, word, "holds a blank", "write one word")
	}
}

var volumeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

func checkVolume(c checker, v Volume) {
	checkKeys(c, reflectValue(&v), shapeOf(&v))
	if v.Target != "" && (!strings.HasPrefix(v.Target, "/") || path.Clean(v.Target) == "/") {
		c.value(ruleVolume, "target", v.Target, "is no place in the container", "write an absolute path below /")
	}
	switch kind := v.Type; {
	case kind == "" || kind == "bind":
		checkBindSource(c, v.Source)
	case kind == "volume" && v.Source != "" && !volumeName.MatchString(v.Source):
		c.value(ruleVolume, "source", v.Source, "is no name of a volume", "write letters, digits, _, . and -; for a path on the host write type: bind")
	case kind == "tmpfs" && v.Source != "":
		c.value(ruleVolume, "source", v.Source, "can't be mounted as tmpfs", "remove source; a tmpfs has none")
	}
}

func checkBindSource(c checker, source string) {
	switch {
	case source == "":
		c.bad(ruleMissing, "source", "source is missing", "write the absolute path on the host, or type: volume or tmpfs")
	case !strings.HasPrefix(source, "/"):
		c.value(ruleVolume, "source", source, "is no absolute path", "write the path on the host from / on; for a named volume write type: volume")
	}
}

// checkVolumeTargets refuses two mounts in one place, as the engine does.
func checkVolumeTargets(c checker, volumes []Volume) {
	first := map[string]int{}
	for i, v := range volumes {
		target := path.Clean(v.Target)
		if j, twice := first[target]; twice && v.Target != "" {
			c.value(ruleVolume, index("volumes", i)+".target", v.Target, "is mounted twice; first by "+index("volumes", j), "keep one of the two")
			continue
		}
		first[target] = i
	}
}

// checkPath refuses a path that no request line can carry.
func checkPath(c checker, at, value string) {
	switch {
	case value == "":
	case !strings.HasPrefix(value, "/"):
		c.value(rulePath, at, value, "does not start with a slash", "write /"+strings.TrimLeft(lastSegment(value), "/"))
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		c.value(rulePath, at, value, "holds a blank", "write %20 for a blank")
	}
}

// lastSegment is the path within a URL, or the value itself.
func lastSegment(value string) string {
	if _, rest, ok := strings.Cut(value, "://"); ok {
		_, value, _ = strings.Cut(rest, "/")
	}
	return value
}

var labelSyntax = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?$`)

// LabelProblem tells what is wrong with a label of a node; empty: nothing.
func LabelProblem(name, value string) string {
	switch {
	case !labelSyntax.MatchString(name) || len(name) > 63:
		return "is no name of a label"
	case !labelSyntax.MatchString(value) || len(value) > 63:
		return "has no value that a label can have"
	}
	return ""
}

func checkLabel(c checker, at, name, value string) {
	if wrong := LabelProblem(name, value); wrong != "" {
		c.value(ruleLabel, at, name+"="+value, wrong, "write name: value of at most 63 letters, digits, _, ., / and - each")
	}
}
