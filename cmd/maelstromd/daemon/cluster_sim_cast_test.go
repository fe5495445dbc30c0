package daemon

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// role is what a component of a history is there for. Its limits never change;
// how many there are at least, and which version, may.
type role struct {
	name     string
	max      int
	perNode  int
	perSlot  int
	min      int
	mins     int // it is below that
	image    string
	images   []string // that it may become
	edition  int
	settings string // more of them
	frail    bool   // it crashes
	goes     bool   // it is taken away at times
	gone     bool   // not declared at present
}

func newCast() []*role {
	return []*role{
		{name: "wide", perNode: 1, perSlot: 100, min: 3, mins: 4, image: "quick", images: []string{"quick"}, settings: "    placement: spread\n"},
		{name: "few", goes: true, max: 2, perSlot: 2, mins: 3, image: "quick", images: []string{"quick", "quick", "slow"}},
		{name: "slow", max: 3, perSlot: 1, mins: 3, image: "slow", images: []string{"slow", "quick"}, settings: "    restartorder: stopstart\n"},
		{name: "new", goes: true, max: 3, perSlot: 4, mins: 3, image: "quick", images: []string{"quick", "slow", "exits", "deaf", "missing", "far"}},
		{name: "east", max: 2, perSlot: 5, mins: 3, image: "quick", images: []string{"quick"}, settings: "    nodes: {zone: east}\n"},
		{name: "data", max: 1, perSlot: 5, mins: 2, image: "quick", images: []string{"quick"},
			settings: "    volumes: [{type: volume, source: data, target: /data}]\n"},
		{name: "frail", frail: true, max: 1, perSlot: 5, mins: 2, image: "crashes", images: []string{"crashes"}},
		{name: "job", max: 1, perSlot: 5, mins: 1, image: "quick", images: []string{"quick", "slow"}},
	}
}

// images are those of a node.
func (c *chronicle) images(node string) map[string]fake.Image {
	handler := func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(node, w, r) })
	}
	return map[string]fake.Image{
		"quick":   {StartDelay: 200 * time.Millisecond, Boot: 100 * time.Millisecond, Handler: handler},
		"slow":    {StartDelay: time.Second, Boot: 4 * time.Second, TermDelay: 2 * time.Second, Handler: handler},
		"far":     {Remote: true, PullDelay: 20 * time.Second, Boot: time.Second, Handler: handler},
		"crashes": {Boot: time.Second, Exits: true, ExitAfter: 15 * time.Second, ExitCode: 1, Handler: handler},
		"exits":   {Boot: 300 * time.Millisecond, Exits: true, ExitCode: 3, Handler: handler},
		"deaf":    {NeverListens: true},
	}
}

// serve answers as a container of a node does.
func (c *chronicle) serve(node string, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		_, _ = io.Copy(io.Discard, r.Body) // a client that is gone is its own matter
	}
	if strings.HasPrefix(r.URL.Path, "/job") {
		c.mu.Lock()
		c.fired[r.URL.Path]++
		c.mu.Unlock()
	}
	if takes := r.Header.Get("Takes"); takes != "" {
		if d, err := time.ParseDuration(takes); err == nil {
			pauseFor(r.Context(), d)
		}
	}
	fmt.Fprint(w, node)
}

// declaration is the project as it is now.
func (c *chronicle) declaration() string {
	var b strings.Builder
	b.WriteString("name: sim\ncomponents:\n")
	for _, r := range c.cast {
		if r.gone {
			continue
		}
		fmt.Fprintf(&b, "  %s:\n    image: %s\n    mininstances: %d\n    maxconcurrency: %d\n", r.name, r.image, r.min, r.perSlot)
		if r.max > 0 {
			fmt.Fprintf(&b, "    maxinstances: %d\n", r.max)
		}
		if r.perNode > 0 {
			fmt.Fprintf(&b, "    maxinstancespernode: %d\n", r.perNode)
		}
		fmt.Fprintf(&b, "    environment: [EDITION=%d]\n    reservememory: 64\n    idletimeoutseconds: 10\n    maxdurationseconds: 30\n", r.edition)
		fmt.Fprintf(&b, "    httpstarthealthcheckseconds: 10\n%s", r.settings)
		fmt.Fprintf(&b, "    eventsources:\n      %s-http: {http: {hostname: %s.test}}\n", r.name, r.name)
		if r.name == "job" {
			for path, schedule := range jobs {
				fmt.Fprintf(&b, "      %s: {cron: {schedule: '%s', http: {method: POST, path: /%s, data: x}}}\n", path, schedule, path)
			}
		}
	}
	return b.String()
}

// jobs are the schedules of a history, by path and event source.
var jobs = map[string]string{"job-often": "@every 5s", "job-minutely": "* * * * *"}

// declare applies the project at some node. That may fail, or be in doubt.
func (c *chronicle) declare() bool {
	nodes := c.up()
	if len(nodes) == 0 {
		return false
	}
	n := nodes[c.rand.IntN(len(nodes))]
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	_, err := n.client().ApplyProject(ctx, rpc.ApplyRequest{
		ProjectFiles: rpc.ProjectFiles{Base: rpc.SourceFile{Path: "maelstrom.yml", Data: []byte(c.declaration())}},
	})
	c.note("applied at %s: %v", n.id, err)
	return err == nil
}

// mend declares what works, which has to succeed without faults.
func (c *chronicle) mend() {
	for _, r := range c.cast {
		r.image, r.edition = "quick", r.edition+1
		r.gone = false
		if r.name == "wide" {
			r.min = len(c.nodes)
		}
	}
	if !c.declare() && !c.declare() {
		c.fail("the project can't be applied without faults")
	}
}
