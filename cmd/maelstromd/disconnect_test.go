package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// mendAll makes every way whole again.
func (c *trio) mendAll() {
	for _, ways := range [][]*wire{c.peers, c.databases, c.engines} {
		for _, w := range ways {
			w.mend()
		}
	}
}

// containersOf are the ids of a component's containers, on any node.
func (c *trio) containersOf(component string) (ids []string) {
	c.t.Helper()
	for _, n := range c.nodes {
		for _, found := range n.engine.containers(c.t, n.id) {
			if found.Labels[runtime.LabelComponent] == component && found.State == "running" {
				ids = append(ids, found.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// snapshotCopy is the copy on disk, empty while there is none.
func (n *node) snapshotCopy() string { return n.diskCopy("snapshot.json") }

// diskCopy is a copy in the data directory, empty while there is none.
func (n *node) diskCopy(name string) string {
	text, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.t.Fatal(err)
	}
	return string(text)
}

// Without the database any node starts what one alone may, and any reaches it;
// all daemons start again without it and go on; and when it is back, what was
// started gets its place.
func TestLifeWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	c := newTrio(t, postgres, trioOptions{wires: true})
	image := drivertest.BuildImage(t)
	free := web{name: "free", image: image, lines: []string{"reservememory: 16", "maxconcurrency: 10"}}
	other := web{name: "other", image: image, lines: []string{"reservememory: 16"}}
	limited := web{name: "limited", image: image, lines: []string{"reservememory: 16", "maxinstances: 1"}}
	steady := web{name: "steady", image: image, lines: []string{"reservememory: 16", "mininstances: 1", "maxinstances: 1", "maxconcurrency: 10"}}
	c.nodes[0].apply(projectOf("away", free, other, limited, steady))
	looks := looksAt{source: c.addSource("plain"), yml: projectOf("away", free, other, limited, steady)}
	for _, n := range c.nodes {
		n.await("what is always there", patience, func() bool { return len(n.placedOn("away_steady")) == 1 })
		n.mustGet(steady.host(), "/")
	}
	before := c.containersOf("away_steady")
	for _, n := range c.nodes { // the copy on disk is written within ten seconds
		n.await("its copies", patience, func() bool {
			return strings.Contains(n.snapshotCopy(), `"component":"away_steady"`) && strings.Contains(n.diskCopy("recent.json"), `"source":"plain"`)
		})
	}

	for _, w := range c.databases {
		w.sever()
	}
	for _, n := range c.nodes {
		n.mustGet(free.host(), "/")
	}
	started := c.containersOf("away_free")
	t.Logf("%d nodes have started it by themselves", len(started))
	if len(started) == 0 || len(started) > len(c.nodes) {
		t.Fatalf("%d containers without the database", len(started))
	}
	for _, n := range c.nodes {
		n.checkLooks(looks)
	}
	checkRefusal(t, "with a limit, without the database", c.nodes[1].get(limited.host(), "/"), cluster.ReasonDatabaseDown)

	for _, n := range c.nodes {
		n.signal(syscall.SIGKILL)
	}
	for _, n := range c.nodes {
		n.awaitExit()
		c.run(n)
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	for _, n := range c.nodes {
		for _, w := range []web{steady, free} {
			n.await("an answer of "+w.name, patience, func() bool { return n.get(w.host(), "/").status == 200 })
		}
		looks.restored = true
		n.checkLooks(looks)
		if body := n.getPrivate("", "/readyz").body; !strings.Contains(body, "database") {
			t.Errorf("readyz does not tell of the database: %q", body)
		}
	}
	checkRefusal(t, "started from the copy", c.nodes[2].get(other.host(), "/"), cluster.ReasonDatabaseDown)
	if got := c.containersOf("away_free"); !slices.Equal(got, started) {
		t.Errorf("containers %v after the restart, %v before", got, started)
	}

	c.mendAll()
	c.awaitHeard(c.nodes...)
	for _, n := range c.nodes {
		n.await("rows of what was started", patience, func() bool { return len(n.placedOn("away_free")) == len(started) })
		n.await("what has a limit", patience, func() bool { return n.get(limited.host(), "/").status == 200 })
		n.mustGet(other.host(), "/")
		n.mustGet(free.host(), "/")
	}
	if got := c.containersOf("away_free"); !slices.Equal(got, started) {
		t.Errorf("containers %v with the database, %v without", got, started)
	}
	if got := c.containersOf("away_steady"); !slices.Equal(got, before) {
		t.Errorf("what is always there was started anew: %v, before %v", got, before)
	}
	if got := c.containersOf("away_limited"); len(got) != 1 {
		t.Errorf("%d containers where one is the limit", len(got))
	}
}

// A node that reaches neither the database nor who decides stops what it was
// told to, and serves on with the rest; what its rows say counts when it is back.
func TestACutOffNodeStopsWhatItWasToldTo(t *testing.T) {
	t.Parallel()
	c := newTrio(t, postgres, trioOptions{wires: true})
	image := drivertest.BuildImage(t)
	holder := c.holder(cluster.RolePlacement)
	lone := c.but(holder)[0]
	at := atNode(c.number(lone.id))
	stops := web{name: "stops", image: image, lines: []string{"reservememory: 16", "mininstances: 1", "maxinstances: 1", at}}
	keeps := web{name: "keeps", image: image, lines: []string{"reservememory: 16", "mininstances: 1", "maxinstances: 1", "ondisconnect: keep", at}}
	holder.apply(projectOf("cut", stops, keeps))
	lone.await("both here", patience, func() bool { return len(lone.placedOn("cut_stops")) == 1 && len(lone.placedOn("cut_keeps")) == 1 })
	kept := c.containersOf("cut_keeps")

	c.databases[c.number(lone.id)].hold("", true, true)
	c.peers[c.number(lone.id)].hold(holder.id, true, true)
	c.peers[c.number(holder.id)].hold(lone.id, true, true)
	lone.await("it knows that it is cut off", patience, func() bool { return lone.log.has("node is cut off", holder.id) })
	lone.await("what has to stop has", patience, func() bool { return len(c.containersOf("cut_stops")) == 0 })
	lone.mustGet(keeps.host(), "/")
	if got := c.containersOf("cut_keeps"); !slices.Equal(got, kept) {
		t.Errorf("containers %v of what is to be kept, before %v", got, kept)
	}
	holder.await("it is lost", patience, func() bool { return holder.nodeRow(lone.id).Lost })

	c.mendAll()
	lone.await("it is back", patience, func() bool { return lone.log.has("node is no longer cut off") })
	c.awaitHeard(c.nodes...)
	for _, n := range c.nodes {
		n.await("all serves again", patience, func() bool {
			return n.get(stops.host(), "/").status == 200 && n.get(keeps.host(), "/").status == 200
		})
	}
	if got := len(c.containersOf("cut_stops")); got != 1 {
		t.Errorf("%d containers of what has a limit of one", got)
	}
}

// A holder that hears nobody, while others reach the database as it does, marks
// nobody lost, and leaves the role to them.
func TestAHolderThatHearsNobodyLeavesTheRole(t *testing.T) {
	t.Parallel()
	c := newTrio(t, postgres, trioOptions{wires: true})
	image := drivertest.BuildImage(t)
	holder := c.holder(cluster.RolePlacement)
	others := c.but(holder)
	steady := web{name: "steady", image: image, lines: []string{"reservememory: 16", "mininstances: 3", "maxinstancespernode: 1", "maxinstances: 3", "maxconcurrency: 10"}}
	doze := web{name: "doze", image: image, lines: []string{"reservememory: 16", "maxinstances: 1"}}
	holder.apply(projectOf("deaf", steady, doze))
	for _, n := range c.nodes {
		n.await("one on each node", patience, func() bool { return len(n.placedOn("deaf_steady")) == 3 })
	}
	before := c.containersOf("deaf_steady")

	c.peers[c.number(holder.id)].hold("", true, true)
	for _, n := range others {
		c.peers[c.number(n.id)].hold(holder.id, true, true)
	}
	others[0].await("another holder", patience, func() bool {
		next := c.leases()[cluster.RolePlacement].Holder
		return next != "" && next != holder.id
	})
	for _, n := range others {
		n.await("a sleeper that wakes", patience, func() bool { return n.get(doze.host(), "/").status == 200 })
	}
	for _, n := range c.nodes {
		n.mustGet(steady.host(), "/")
		for _, other := range c.nodes {
			if n.nodeRow(other.id).Lost {
				t.Errorf("%s takes %s for lost", n.id, other.id)
			}
		}
	}
	if got := c.containersOf("deaf_steady"); !slices.Equal(got, before) {
		t.Errorf("containers %v, before %v", got, before)
	}
	c.mendAll()
	c.awaitHeard(c.nodes...)
	holder.await("a sleeper that wakes", patience, func() bool { return holder.get(doze.host(), "/").status == 200 })
}
