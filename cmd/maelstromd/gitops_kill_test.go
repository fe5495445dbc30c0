package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
	"maelstrom/runtime/drivertest"
)

// kills is how often the daemon is killed while it applies.
var kills = flag.Int("gitops.kills", 20, "kills of a daemon that applies a source")

const killProjects = 30

// A daemon that is killed while it applies a source leaves each project wholly
// as it was or wholly as it shall be, and the next start goes on from there.
func TestAKillLeavesProjectsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	declareGeneration(t, dir, 0)
	n := newNode(t, "MAEL_TOTAL_MEMORY=0", "MAEL_SOURCES="+sourcesFile(t, "sources:\n  - {name: tree, dir: "+dir+", interval: 1s}\n"))
	n.await("the first generation", patience, func() bool { return generationOf(n) == 0 })
	cut := 0
	for round := 1; round <= *kills; round++ {
		declareGeneration(t, dir, round)
		<-time.After(time.Duration(rand.Int64N(int64(900 * time.Millisecond))))
		n.signal(syscall.SIGKILL)
		n.awaitExit()
		old, new := n.checkWhole(round)
		if old > 0 && new > 0 {
			cut++
		}
		n.start()
		n.await(fmt.Sprintf("generation %d", round), patience, func() bool { return generationOf(n) == round })
	}
	t.Logf("%d kills, %d of them between two projects", *kills, cut)
}

// declareGeneration writes every project of a directory anew.
func declareGeneration(t *testing.T, dir string, generation int) {
	t.Helper()
	for i := range killProjects {
		name := fmt.Sprintf("p%02d", i)
		var components []web
		for _, c := range []string{"a", "b", "c"} {
			components = append(components, web{
				name: name + "-" + c, image: drivertest.BuildImage(t),
				lines: []string{environment(fmt.Sprintf("GENERATION=%d", generation)), fmt.Sprintf("maxconcurrency: %d", generation+1)},
			})
		}
		text := projectOf(name, components...)
		writeFile(t, filepath.Join(dir, name, "maelstrom.yml"), strings.ReplaceAll(text, ".localhost}", fmt.Sprintf(".g%d.localhost}", generation)))
	}
}

// generationOf is the generation that every project is at, -1 if they differ.
func generationOf(n *node) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	list, err := n.client().ListEventSources(ctx, rpc.ListEventSourcesRequest{})
	if err != nil || len(list.EventSources) != 3*killProjects {
		return -1
	}
	found := -1
	for _, e := range list.EventSources {
		var g int
		_, host, _ := strings.Cut(e.Summary, ".g")
		if _, err := fmt.Sscanf(host, "%d.localhost", &g); err != nil || found >= 0 && found != g {
			return -1
		}
		found = g
	}
	return found
}

// checkWhole reads what a killed daemon has left in its database.
func (n *node) checkWhole(generation int) (old, new int) {
	n.t.Helper()
	ctx := n.t.Context()
	s, err := store.Open(ctx, store.Options{Driver: "sqlite", DSN: filepath.Join(n.dir, rpc.DatabaseFileName)})
	if err != nil {
		n.t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Changes(ctx, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	seen := map[string]map[string]bool{}
	note := func(project, what string) {
		if seen[project] == nil {
			seen[project] = map[string]bool{}
		}
		seen[project][what] = true
	}
	for _, c := range all.Components {
		note(c.Spec.Project, c.Spec.Environment[0].Value)
		note(c.Spec.Project, fmt.Sprint(c.Spec.MaxConcurrency-1))
	}
	for _, e := range all.EventSources {
		_, host, _ := strings.Cut(e.Spec.HTTP.Hostname, ".g")
		note(e.Spec.Project, strings.TrimSuffix(host, ".localhost"))
	}
	for project, generations := range seen {
		if len(generations) != 1 {
			n.t.Errorf("kill %d: project %s is of generations %v", generation, project, generations)
		}
		if generations[fmt.Sprint(generation)] {
			new++
		} else {
			old++
		}
	}
	if old+new != killProjects {
		n.t.Errorf("kill %d: %d projects are left", generation, old+new)
	}
	n.checkHistory(ctx, s, all)
	return old, new
}

// checkHistory compares each project with its history and with what the loop
// noted: all three are of one transaction.
func (n *node) checkHistory(ctx context.Context, s *store.Store, all cluster.ChangeSet) {
	n.t.Helper()
	applied := map[string]int64{}
	for _, status := range all.ProjectStatuses {
		applied[status.Project] = status.Applied
	}
	for name, p := range all.Projects {
		revisions, err := s.Revisions(ctx, name, 1)
		if err != nil {
			n.t.Fatal(err)
		}
		if len(revisions) != 1 || revisions[0].Number != p.Revision || applied[name] != p.Revision {
			n.t.Errorf("project %s is at revision %d, its history at %+v, its status at %d", name, p.Revision, revisions, applied[name])
		}
	}
}
