package daemon

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
)

// A node is cut off once it has lacked for five seconds both who decides and
// the database, while another one has it.
func TestWhoIsCutOff(t *testing.T) {
	const long, short = time.Minute, 4 * time.Second
	for name, c := range map[string]struct {
		standing           peer.Standing
		isolated, forsaken bool
	}{
		"all is well":                      {peer.Standing{Others: long}, false, false},
		"a single node":                    {peer.Standing{}, false, false},
		"without the database":             {peer.Standing{Away: long, Others: long}, false, false},
		"without who decides":              {peer.Standing{Unheard: long, Others: long}, false, false},
		"without both":                     {peer.Standing{Away: long, Unheard: long, Others: long}, true, false},
		"without both, for a moment":       {peer.Standing{Away: short, Unheard: short, Others: long}, false, false},
		"without the database first":       {peer.Standing{Away: long, Unheard: short, Others: long}, false, false},
		"without who decides first":        {peer.Standing{Away: short, Unheard: long, Others: long}, false, false},
		"alone without anything":           {peer.Standing{Away: long, Unheard: long}, false, true},
		"the database is back for others":  {peer.Standing{Away: long, Unheard: long, Others: short}, false, false},
		"away from all, who decides heard": {peer.Standing{Away: long}, false, true},
		"away from all, for a moment":      {peer.Standing{Away: peer.DatabaseAway - 1}, false, false},
		"removed, as others say":           {peer.Standing{Away: short, Expelled: true}, true, false},
		"removed, the database answers":    {peer.Standing{Expelled: true}, false, false},
		"exactly five seconds":             {peer.Standing{Away: 5 * time.Second, Unheard: 5 * time.Second, Others: 5 * time.Second}, true, false},
	} {
		if got := isolated(c.standing); got != c.isolated {
			t.Errorf("%s: cut off %v, want %v", name, got, c.isolated)
		}
		if got := forsaken(c.standing); got != c.forsaken {
			t.Errorf("%s: hears nobody with a database %v, want %v", name, got, c.forsaken)
		}
	}
	now := time.Now()
	for name, c := range map[string]struct {
		standing peer.Standing
		read     time.Time
		want     bool
	}{
		"the database answers, its rows are not read": {peer.Standing{}, now.Add(-long), false},
		"never read":                  {peer.Standing{}, time.Time{}, false},
		"read, and away again":        {peer.Standing{Away: long}, now, false},
		"both":                        {peer.Standing{}, now, true},
		"both, and who decides is it": {peer.Standing{Unheard: long}, now, true},
	} {
		if got := rejoined(c.standing, c.read, now); got != c.want {
			t.Errorf("%s: back %v, want %v", name, got, c.want)
		}
	}
}

// Whoever hears fewer than half of all, itself included, leaves roles to others.
func TestMinorities(t *testing.T) {
	for _, c := range []struct {
		others, heard int
		want          bool
	}{
		{0, 0, false}, {1, 0, false}, {1, 1, false},
		{2, 0, true}, {2, 1, false}, {2, 2, false},
		{3, 0, true}, {3, 1, false}, {4, 1, true}, {4, 2, false},
	} {
		if got := minority(c.others, c.heard); got != c.want {
			t.Errorf("hearing %d of %d others: %v, want %v", c.heard, c.others, got, c.want)
		}
	}
}

// Nodes without a port for others are lost by the age of their status alone.
func TestWhoCannotBeHeard(t *testing.T) {
	for name, c := range map[string]struct {
		node cluster.Node
		want bool
	}{
		"up":          {cluster.Node{ID: "a", State: cluster.NodeUp}, true},
		"stopping":    {cluster.Node{ID: "a", State: cluster.NodeLeaving}, true},
		"drained":     {cluster.Node{ID: "a", State: cluster.NodeDraining}, true},
		"with a port": {cluster.Node{ID: "a", State: cluster.NodeUp, Peers: true}, false},
		"down":        {cluster.Node{ID: "a", State: cluster.NodeDown}, false},
		"lost":        {cluster.Node{ID: "a", State: cluster.NodeUp, Lost: true}, false},
		"this one":    {cluster.Node{ID: "self", State: cluster.NodeUp}, false},
	} {
		if got := unhearable(&c.node, "self"); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Who is there shows in rows that change, by no clock but this node's.
func TestCensus(t *testing.T) {
	var c census
	base := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // the database's clock
	now := time.Now()
	row := func(id string, at int) cluster.Node {
		return cluster.Node{ID: id, State: cluster.NodeUp, Peers: true, SeenAt: base.Add(time.Duration(at) * time.Second)}
	}
	alone := row("alone", 0)
	alone.Peers = false
	if there := c.take([]cluster.Node{row("a", 0), row("b", 0), alone}, now); len(there) != 0 {
		t.Errorf("at first sight %v", there)
	}
	alone.SeenAt = base.Add(time.Hour)
	if there := c.take([]cluster.Node{row("a", 3), row("b", 0), alone}, now.Add(3*time.Second)); len(there) != 1 || there[0] != "a" {
		t.Errorf("there are %v, want a", there)
	}
	down := row("a", 4)
	down.State = cluster.NodeDown
	if there := c.take([]cluster.Node{down, row("b", 1)}, now.Add(4*time.Second)); len(there) != 1 || there[0] != "b" {
		t.Errorf("there are %v, want b", there)
	}
	if there := c.take([]cluster.Node{row("b", 1)}, now.Add(4*time.Second+lostAfter)); len(there) != 0 {
		t.Errorf("after a silence %v", there)
	}
}
