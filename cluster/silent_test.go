package cluster

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestSilentNodes(t *testing.T) {
	s := NewSnapshot()
	if !s.Hears("a") {
		t.Error("a node is silent that nobody said so of")
	}
	quiet := s.WithSilent(map[string]bool{"a": true, "b": true, "c": false})
	if quiet.Hears("a") || quiet.Hears("b") || !quiet.Hears("c") || !s.Hears("a") {
		t.Error("not exactly a and b are silent, or the snapshot before changed")
	}
	if quiet.WithSilent(map[string]bool{"b": true, "a": true}) != quiet {
		t.Error("the same nodes make another snapshot")
	}
	back := quiet.WithSilent(map[string]bool{"b": true})
	if !back.Hears("a") || back.Hears("b") {
		t.Error("not exactly b is silent")
	}
	if full := quiet.With(ChangeSet{Number: 1, Full: true}); full.Hears("a") || !full.Hears("c") {
		t.Error("a reload changes who is heard")
	}
}

// What is told of liveness is a change of the snapshot like any other.
func TestSilenceIsToldToSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(&fakeDatabase{}, FeedOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go f.Run(ctx)
		synctest.Wait()
		changed, end := f.Subscribe()
		defer end()
		f.SetSilent(map[string]bool{"a": true})
		<-changed
		if f.Snapshot().Hears("a") {
			t.Error("a is heard")
		}
		f.SetSilent(map[string]bool{"a": true})
		select {
		case <-changed:
			t.Error("nothing changed, and that was told")
		default:
		}
	})
}

// Instances of a lost node are not shown until it is back.
func TestInstancesOfALostNodeAreHidden(t *testing.T) {
	node := func(state NodeState, lost bool) ChangeSet {
		return ChangeSet{Number: 1, Nodes: map[string]*Node{"a": {ID: "a", Epoch: 2, State: state, Lost: lost}}}
	}
	s := NewSnapshot().With(node(NodeUp, false))
	s = s.WithInstances(InstanceList{Node: "a", Epoch: 2, Counter: 1, Instances: []Instance{{Placement: "p", Node: "a"}}})
	if _, ok := s.Instances.Get("p"); !ok {
		t.Fatal("not shown at first")
	}
	s = s.With(node(NodeDown, true))
	if _, ok := s.Instances.Get("p"); ok {
		t.Error("shown while its node is lost")
	}
	s = s.WithInstances(InstanceList{Node: "a", Epoch: 2, Counter: 2, Instances: []Instance{{Placement: "p", Node: "a"}}})
	if _, ok := s.Instances.Get("p"); ok {
		t.Error("shown after a push while its node is lost")
	}
	s = s.With(node(NodeUp, false))
	if _, ok := s.Instances.Get("p"); !ok {
		t.Error("not shown when its node is back")
	}
}
