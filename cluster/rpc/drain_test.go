package rpc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// nodeRows are the rows of nodes in the world.
type nodeRows world

func (r *nodeRows) DrainNode(_ context.Context, id string, how cluster.Drain) (int64, error) {
	w := (*world)(r)
	defer w.lock()()
	found, ok := w.snap.Nodes.Get(id)
	if !ok {
		return 0, cluster.ErrNotFound
	}
	n := *found
	n.Drain, n.State = how, cluster.NodeDraining
	if how == cluster.DrainNone {
		n.State = cluster.NodeUp
	}
	return w.commit(cluster.ChangeSet{Nodes: map[string]*cluster.Node{id: &n}}), w.away
}

func (r *nodeRows) RemoveNode(_ context.Context, id string) (int, int64, error) {
	w := (*world)(r)
	defer w.lock()()
	if n, ok := w.snap.Nodes.Get(id); ok && n.State != cluster.NodeDown {
		return 0, 0, cluster.ErrConflict
	}
	placements, _ := w.snap.ByNode.Get(id)
	return len(placements), w.commit(cluster.ChangeSet{Nodes: map[string]*cluster.Node{id: nil}}), w.away
}

// explain knows of one node, which lacks everything.
func (w *world) explain(component string) (cluster.Explanation, bool) {
	return cluster.Explanation{Component: component, Refusal: "no node can run it", Scale: asleep(), Nodes: []cluster.NodeExplanation{
		{Name: "alpha", Obstacles: []cluster.Obstacle{{Text: "is full", Change: "reservememory"}, {Text: "is busy", Change: "time", Passing: true}}},
		{Name: "beta", Obstacles: []cluster.Obstacle{{Text: "is full", Change: "reservememory"}, {Text: "is odd"}}},
	}}, component != "gone"
}

func asleep() cluster.ScaleExplanation {
	return cluster.ScaleExplanation{Why: "it is asleep", WouldChange: []string{}, Changes: []cluster.ScaleChange{}}
}

func (w *world) removable() []cluster.Removal {
	return []cluster.Removal{{ID: w.server.deps.Node, Name: "as this one knows", Removable: true, Why: "nothing is placed there"}}
}

func (w *world) addNode(n cluster.Node) {
	defer w.lock()()
	w.commit(cluster.ChangeSet{Nodes: map[string]*cluster.Node{n.ID: &n}})
}

func wantKind(t *testing.T, err error, kind Kind, text string) {
	t.Helper()
	var known *Error
	if !errors.As(err, &known) || known.Kind != kind || !strings.Contains(known.Message, text) {
		t.Errorf("error %v, want %s with %q", err, kind, text)
	}
}

func TestOnlyNodeIsDrainedByForceAlone(t *testing.T) {
	w := newWorld(t)
	s := w.server
	w.addNode(cluster.Node{ID: "relay", Name: "relay", State: cluster.NodeUp})
	_, err := s.drain(t.Context(), DrainRequest{Node: "ALPHA"})
	wantKind(t, err, KindConflict, "alpha is the only node that runs anything")
	w.run(cluster.Placement{ID: "p", Component: "shop_web", Want: cluster.WantRun}, cluster.Instance{State: cluster.InstanceReady})
	answer, err := s.drain(t.Context(), DrainRequest{Node: "alpha", Force: true})
	if err != nil || answer.Node.State != cluster.NodeDraining || answer.Node.Drain != cluster.DrainForce || len(answer.Instances) != 1 {
		t.Fatalf("%+v, %v", answer, err)
	}
	undrained, err := s.undrain(t.Context(), UndrainRequest{Node: testNode})
	if err != nil || undrained.Node.State != cluster.NodeUp {
		t.Fatalf("%+v, %v", undrained, err)
	}
	w.addNode(cluster.Node{ID: "node-2", Name: "beta", State: cluster.NodeUp, MemoryTotalMiB: 100})
	if answer, err = s.drain(t.Context(), DrainRequest{Node: testNode}); err != nil || answer.Node.Drain != cluster.DrainMove {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestNodesAreFoundByIDOrUniqueName(t *testing.T) {
	w := newWorld(t)
	w.addNode(cluster.Node{ID: "node-2", Name: "alpha", State: cluster.NodeDown})
	_, err := w.server.undrain(t.Context(), UndrainRequest{Node: "alpha"})
	wantKind(t, err, KindInvalid, "2 nodes are called alpha: name one by its id, of node-1 (alpha), node-2 (alpha)")
	_, err = w.server.undrain(t.Context(), UndrainRequest{Node: "gamma"})
	wantKind(t, err, KindNotFound, `there is no node "gamma": there are node-1 (alpha), node-2 (alpha)`)
	_, err = w.server.removeNode(t.Context(), RemoveNodeRequest{Node: testNode})
	wantKind(t, err, KindConflict, "stop its daemon first")
	removed, err := w.server.removeNode(t.Context(), RemoveNodeRequest{Node: "node-2"})
	if err != nil || removed.ID != "node-2" || removed.Name != "alpha" {
		t.Errorf("%+v, %v", removed, err)
	}
}

func TestExplainNamesWhatWouldHelpWhere(t *testing.T) {
	w := newWorld(t)
	_, err := w.server.explain(t.Context(), ExplainRequest{Name: "nope"})
	wantKind(t, err, KindNotFound, "nope")
	spec := project.Component{Name: "shop_web", Image: "web"}
	func() {
		defer w.lock()()
		w.commit(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"shop_web": {Spec: &spec, Effective: &spec, Version: 1}}})
	}()
	answer, err := w.server.explain(t.Context(), ExplainRequest{Name: "Shop_Web"})
	if err != nil || len(answer.Changes) != 1 || answer.Changes[0].Change != "reservememory" || len(answer.Changes[0].Nodes) != 2 {
		t.Errorf("%+v, %v", answer, err)
	}
}
