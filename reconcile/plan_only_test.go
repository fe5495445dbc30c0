package reconcile

import (
	"errors"
	"slices"
	"testing"

	"maelstrom/project"
)

func TestWithOnlyTouchesWhatIsNamed(t *testing.T) {
	component := func(name, image string) project.Component { return project.Component{Name: name, Image: image} }
	old := &project.Project{Name: "p", Components: []project.Component{
		component("p_changed", "1"), component("p_gone", "1"), component("p_later", "1"), component("p_moved", "1"),
	}}
	target := &project.Project{Name: "p", Components: []project.Component{
		component("p_changed", "2"), component("p_added", "2"), component("p_moved", "2"), component("p_unseen", "2"),
	}}
	got, err := withOnly(old, target, Versions{Components: map[string]int64{"p_changed": 3, "p_gone": 2, "p_added": 0}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got.Components {
		names = append(names, c.Name+" "+c.Image)
	}
	slices.Sort(names)
	if want := []string{"p_added 2", "p_changed 2", "p_later 1", "p_moved 1"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestWithOnlyLeavesNoEventSourceAlone(t *testing.T) {
	target := &project.Project{Name: "p",
		Components:   []project.Component{{Name: "p_web"}},
		EventSources: []project.EventSource{{Name: "p_web-http", Component: "p_web"}},
	}
	_, err := withOnly(&project.Project{Name: "p"}, target, Versions{EventSources: map[string]int64{"p_web-http": 0}})
	if !errors.Is(err, ErrStale) {
		t.Errorf("the component is gone, and the error is %v", err)
	}
}
