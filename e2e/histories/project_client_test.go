package histories

import (
	"context"
	"errors"
	"fmt"

	"maelstrom/cluster"
	"maelstrom/project"
)

// errMoved is a plan's refusal: the component is not what it was.
var errMoved = errors.New("component has moved")

// tries is how often a client sends a request whose outcome it doesn't know.
const tries = 3

// projectClient applies changes to the project.
type projectClient struct {
	client
	images int
}

// run does n operations.
func (c *projectClient) run(ctx context.Context, n int) {
	for range n {
		if ctx.Err() != nil {
			return
		}
		c.next(ctx)
		c.rest(ctx)
	}
}

func (c *projectClient) next(ctx context.Context) {
	in := projectInput{component: c.random.IntN(componentCount)}
	seen := c.reader.project(c.world).components[in.component]
	n := c.random.IntN(100)
	switch {
	case n < 25:
		in.op, in.image = put, c.image()
	case n < 50 && seen.there:
		in.op, in.image, in.version = swap, c.image(), seen.version
	case n < 60:
		in.op = remove
	case n < 75:
		in.restarted[in.component] = true
		in.restarted[c.random.IntN(componentCount)] = true
		c.restart(ctx, projectInput{op: restart, restarted: in.restarted})
		return
	default:
		_ = c.follow(ctx) // what is not read is not in the history
		return
	}
	c.apply(ctx, in)
}

// image returns one that nobody else applies.
func (c *projectClient) image() string {
	c.images++
	return fmt.Sprintf("image-%d:%d", c.projectNumber, c.images)
}

// done notes how a write ended.
func (c *projectClient) done(ctx context.Context, called int64, in projectInput, out projectOutput) {
	if out.ending != unknown {
		c.projects.add(c.projectNumber, called, in, out)
		return
	}
	c.projects.lost(called, in, out)
	pause(ctx, lostPause)
}

// apply sends a change, and if its outcome is unknown again, as the same
// request: that is one operation, done once.
func (c *projectClient) apply(ctx context.Context, in projectInput) {
	req := cluster.ApplyRequest{Actor: "test", RequestID: cluster.NewID(), Desired: c.desired(in),
		Plan: func(state cluster.ProjectState) (cluster.ProjectWrite, error) { return c.plan(in, state) }}
	called, out := c.projects.now(), projectOutput{}
	for n := range tries {
		result, err := c.applyOnce(ctx, req)
		end := endingOf(err)
		if n > 0 && end != ok {
			end = unknown // of this try; what became of those before is as open as it was
		}
		out = projectOutput{ending: end, revision: result.Revision}
		if out.ending != unknown {
			out.versions[in.component] = result.Components[c.components[in.component]]
			break
		}
	}
	c.done(ctx, called, in, out)
}

func (c *projectClient) applyOnce(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	ctx, cancel := c.patience(ctx)
	defer cancel()
	return c.ledger.ApplyProject(ctx, req)
}

func (c *projectClient) desired(in projectInput) *project.Project {
	p := &project.Project{Name: c.project}
	if in.op != remove {
		p.Components = []project.Component{*c.spec(in)}
	}
	return p
}

func (c *projectClient) spec(in projectInput) *project.Component {
	return &project.Component{Name: c.components[in.component], Project: c.project, Image: in.image}
}

func (c *projectClient) plan(in projectInput, state cluster.ProjectState) (w cluster.ProjectWrite, err error) {
	name := c.components[in.component]
	row, there := state.Components[name]
	switch {
	case in.op == swap && (!there || row.Version != in.version), in.op == remove && !there:
		return w, errMoved
	case in.op == remove:
		w.RemoveComponents = []cluster.ObjectVersion{{Name: name, Version: row.Version}}
	default:
		w.PutComponents = []cluster.ComponentWrite{{Spec: c.spec(in), Version: row.Version, Restart: true}}
	}
	return w, nil
}

func (c *projectClient) restart(ctx context.Context, in projectInput) {
	var names []string
	for i, restarted := range in.restarted {
		if restarted {
			names = append(names, c.components[i])
		}
	}
	waiting, cancel := c.patience(ctx)
	defer cancel()
	called := c.projects.now()
	versions, err := c.ledger.BumpComponents(waiting, names, "test")
	out := projectOutput{ending: endingOf(err)}
	for i, name := range c.components {
		out.versions[i] = versions[name]
	}
	c.done(ctx, called, in, out)
}
