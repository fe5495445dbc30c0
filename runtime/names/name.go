// Package names lets containers find components by name. On the address where
// a network's containers reach this host it answers <component>.<project>.internal
// by itself, and asks the host's own name servers for everything else.
package names

import (
	"net"
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

// suffix ends the names of components.
const suffix = ".internal"

// Kind says whose a name is.
type Kind int

// The kinds of names.
const (
	Foreign   Kind = iota // no business of ours
	Unknown               // below a project, but of no component: others may know it
	Project               // a project's own, which has no address
	Component             // a component's
)

// Snapshots is where names of projects and components come from.
type Snapshots interface {
	Snapshot() *cluster.Snapshot
}

// Find tells whose a name is, whatever its case and with or without a dot at
// its end, and the full name of the component that it stands for. Names below
// .internal whose next label is no project are foreign: clouds have such.
func Find(snap *cluster.Snapshot, name string) (kind Kind, component string) {
	name, ours := cutSuffix(name)
	if !ours {
		return Foreign, ""
	}
	name = strings.ToLower(name)
	dot := strings.LastIndexByte(name, '.')
	owner := name[dot+1:]
	if _, ok := snap.Projects.Get(owner); !ok {
		return Foreign, ""
	}
	if dot < 0 {
		return Project, ""
	}
	short := name[:dot]
	full := project.FullName(owner, short)
	if _, ok := snap.Components.Get(full); !ok {
		return Unknown, full
	}
	return Component, full
}

// mostOfProject is how many names of its project a container is told of.
const mostOfProject = 200

// OfProject returns the names of a project's components, without those that
// are none for DNS, sorted; of very many the first.
func OfProject(snap *cluster.Snapshot, owner string) []string {
	var list []string
	for full, row := range snap.Components.All() {
		if row.Spec.Project != owner {
			continue
		}
		short := strings.TrimPrefix(full, project.FullName(owner, ""))
		if len(short) <= maxLabel && len(owner) <= maxLabel {
			list = append(list, short+"."+owner+suffix)
		}
	}
	slices.Sort(list)
	return list[:min(len(list), mostOfProject)]
}

// cutSuffix returns what stands before .internal; false if nothing does.
func cutSuffix(name string) (rest string, ours bool) {
	name = strings.TrimSuffix(name, ".")
	at := len(name) - len(suffix)
	if at <= 0 || !strings.EqualFold(name[at:], suffix) {
		return "", false
	}
	return name[:at], true
}

// hostName is a Host field without its port.
func hostName(host string) string {
	if strings.LastIndexByte(host, ':') < 0 {
		return host
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return ""
	}
	return name
}
