package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// past is the store and the history of a project of one component, by the
// images of its revisions.
type past struct {
	images []string // from revision 1; empty: its content is not known
	row    cluster.ComponentRow
}

func (p *past) LoadProject(context.Context, *project.Project) (cluster.ProjectState, error) {
	return cluster.ProjectState{Components: map[string]cluster.ComponentRow{"shop_web": p.row}}, nil
}

func (p *past) ApplyProject(context.Context, cluster.ApplyRequest) (cluster.ApplyResult, error) {
	return cluster.ApplyResult{}, errors.New("nothing is applied")
}

func (p *past) Revisions(context.Context, string, int) ([]cluster.Revision, error) {
	var list []cluster.Revision
	for n := range p.images {
		list = append(list, cluster.Revision{Project: "shop", Number: int64(n + 1), Digest: fmt.Sprint(n)})
	}
	slices.Reverse(list)
	return list, nil
}

func (p *past) Revision(_ context.Context, name string, number int64) (cluster.Revision, *project.Project, error) {
	found := cluster.Revision{Project: name, Number: number}
	image := p.images[number-1]
	if image == "" {
		return found, nil, nil
	}
	spec := webOf(image)
	spec.MaxConcurrency = 9 // which its containers don't see
	return found, &project.Project{Name: name, Components: []project.Component{*spec}}, nil
}

func (p *past) DeclaredBy(context.Context, string, string) (*cluster.ProjectStatus, error) {
	return nil, nil
}

func webOf(image string) *project.Component {
	return &project.Component{Name: "shop_web", Project: "shop", Image: image}
}

// The last good revision has the version that served last, whatever was tried
// in between.
func TestLastGoodRevision(t *testing.T) {
	for name, test := range map[string]struct {
		images []string // of revisions
		kept   string   // image that served last; empty: the declared one is proven
		to     int64    // 0: there is none
	}{
		"the one before":               {[]string{"web:1", "web:2"}, "web:1", 1},
		"before another that failed":   {[]string{"web:1", "web:2", "web:3"}, "web:1", 1},
		"the newest of several":        {[]string{"web:1", "web:1", "web:2"}, "web:1", 2},
		"what is proven stays":         {[]string{"web:1", "web:2"}, "", 1},
		"an unknown content is no one": {[]string{"web:1", "", "web:2"}, "web:1", 1},
		"none has it":                  {[]string{"web:0", "web:2"}, "web:1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			spec := webOf(test.images[len(test.images)-1])
			p := &past{test.images, cluster.ComponentRow{Spec: spec, Version: 9, RestartVersion: 9, Proven: 9}}
			if test.kept != "" {
				kept := webOf(test.kept)
				p.row.Proven, p.row.Kept = 1, &cluster.ComponentRow{Spec: kept, Effective: kept, Version: 1, RestartVersion: 1, Proven: 1}
			}
			revisions, err := p.Revisions(t.Context(), "shop", historyMost)
			if err != nil {
				t.Fatal(err)
			}
			a := &Applier{Store: p, History: p}
			to, err := a.target(t.Context(), &Rollback{Project: "shop", LastGood: true}, revisions)
			if to != test.to || test.to > 0 && err != nil {
				t.Errorf("back to %d, want %d: %v", to, test.to, err)
			}
			if test.to == 0 && (!errors.Is(err, ErrNoGood) || !errors.Is(err, cluster.ErrConflict)) {
				t.Errorf("none: %v", err)
			}
		})
	}
}
