package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"maelstrom/project"
)

// drawnSecret is every secret of a drawn project.
const drawnSecret = "s3cret-of-all"

// brokenText is a file that nobody can read.
const brokenText = "name: a\ncomponents: {x: [\n"

// anchorPath is a file that is always there, so that never all is gone at once.
const anchorPath = "0.maelstrom.yml"

// drawnFile is a project file, broken if it has no name.
type drawnFile struct {
	name       string
	components []drawnComponent
}

type drawnComponent struct {
	name, image, host string // no host: no route
	concurrency       int
	secret, job       bool
}

// drawnTree is what a commit has, by path.
type drawnTree map[string]*drawnFile

// drawHistory draws commits that make projects come and go, break, move, be
// renamed, and fight for a host or a name. The last one is without mistakes.
// They fight for one thing alone, as two projects that change places wait for
// each other.
func drawHistory(t *rapid.T) []drawnTree {
	names, hosts := []string{"c", "x", "y"}, []string{"", "own", "h1.test"}
	if rapid.Bool().Draw(t, "about a name") {
		names, hosts = append(names, "b_c"), hosts[:2]
	}
	tree := drawnTree{anchorPath: {name: "anchor", components: []drawnComponent{{name: "web", image: "anchor", concurrency: 1}}}}
	var history []drawnTree
	for range rapid.IntRange(1, 5).Draw(t, "commits") {
		tree = maps.Clone(tree)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			path := rapid.SampledFrom([]string{"1.maelstrom.yml", "2.maelstrom.yml", "3/maelstrom.yml", "4/maelstrom.yml"}).Draw(t, "path")
			switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
			case kind < 2:
				delete(tree, path)
			case kind == 2:
				tree[path] = &drawnFile{}
			default:
				tree[path] = drawFile(t, names, hosts)
			}
		}
		history = append(history, tree)
	}
	last := maps.Clone(tree)
	claimed := map[project.Claim]bool{}
	for _, path := range slices.Sorted(maps.Keys(last)) {
		l := project.Load(project.Input{File: path, Data: []byte(last[path].text())})
		wants := l.Claims()
		free := l.Project != nil && !slices.ContainsFunc(wants, func(c project.Claim) bool { return claimed[project.Claim{Kind: c.Kind, Key: c.Key}] })
		if !free {
			delete(last, path)
			continue
		}
		for _, c := range wants {
			claimed[project.Claim{Kind: c.Kind, Key: c.Key}] = true
		}
	}
	return append(history, last)
}

func drawFile(t *rapid.T, components, hosts []string) *drawnFile {
	f := &drawnFile{name: rapid.SampledFrom([]string{"a", "a_b", "d", "e"}).Draw(t, "name")}
	names := rapid.SliceOfNDistinct(rapid.SampledFrom(components), 1, 3, rapid.ID[string]).Draw(t, "components")
	for _, name := range names {
		f.components = append(f.components, drawnComponent{
			name:        name,
			image:       rapid.SampledFrom([]string{"app:1", "app:2", "app:3"}).Draw(t, "image"),
			host:        rapid.SampledFrom(hosts).Draw(t, "host"),
			concurrency: rapid.IntRange(1, 2).Draw(t, "concurrency"),
			secret:      rapid.Bool().Draw(t, "secret"),
			job:         rapid.IntRange(0, 3).Draw(t, "job") == 0,
		})
		if c := &f.components[len(f.components)-1]; c.host == "own" {
			c.host = host(f.name, c.name)
		}
	}
	return f
}

// text is the file as somebody would write it.
func (f *drawnFile) text() string {
	if f.name == "" {
		return brokenText
	}
	text := "name: " + f.name + "\ncomponents:\n"
	for _, c := range f.components {
		text += "  " + c.name + ":\n" + strings.Join(c.keys(false), "")
	}
	return text
}

// otherText says the same otherwise: in another order, with defaults written
// out, with comments.
func (f *drawnFile) otherText() string {
	text := "# the same\ncomponents:\n"
	for _, c := range slices.Backward(f.components) {
		keys := c.keys(true)
		slices.Reverse(keys)
		text += "  " + c.name + ": # again\n" + strings.Join(keys, "")
	}
	return text + "name: \"" + f.name + "\"\n"
}

func (c *drawnComponent) keys(defaults bool) []string {
	keys := []string{"    image: " + c.image + "\n"}
	if c.concurrency > 1 || defaults {
		keys = append(keys, fmt.Sprintf("    maxconcurrency: %d\n", c.concurrency))
	}
	if c.secret {
		keys = append(keys, "    environment:\n      - API_TOKEN="+drawnSecret+"\n")
	}
	if c.job {
		keys = append(keys, "    crontab: |\n      @daily  /job\n")
	}
	if c.host != "" {
		keys = append(keys, "    eventsources:\n      "+c.name+"-http:\n        http:\n          hostname: "+c.host+"\n")
	}
	if defaults {
		keys = append(keys, "    drainseconds: 30\n", "    httpport: 8080\n", "    protocol: http\n", "    idletimeoutseconds: 300\n")
	}
	return keys
}

// files are the contents of a commit.
func (tree drawnTree) files(text func(*drawnFile) string) map[string]string {
	files := map[string]string{}
	for path, f := range tree {
		files[path] = text(f)
	}
	return files
}

// drawnStep is what happens around one push.
type drawnStep struct {
	fault drawnFault
	pause int // milliseconds before the next push
}

// drawnFault is what one call of the store meets.
type drawnFault struct {
	call  int  // which one, from the push on; 0: none
	after bool // once it has done its work
	kill  bool // it is the last of this process
}

func drawSteps(t *rapid.T, n int) []drawnStep {
	steps := make([]drawnStep, n)
	for i := range steps {
		steps[i].pause = rapid.SampledFrom([]int{0, 20, 300, 3000, 90_000}).Draw(t, "pause")
		if rapid.Bool().Draw(t, "a fault") {
			steps[i].fault = drawnFault{rapid.IntRange(1, 15).Draw(t, "call"), rapid.Bool().Draw(t, "after"), rapid.Bool().Draw(t, "kill")}
		}
	}
	return steps
}
