package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"maelstrom/cluster/rpc"
)

// watchPoll is how often a watching list looks.
const watchPoll = time.Second

// The codes that move to the top left of a terminal and clear what is below.
const redraw = "\x1b[H\x1b[J"

// watchProjects prints the list of projects and what changes in it, until ctx
// ends.
func (a *app) watchProjects(ctx context.Context, out outputFlags, list func(context.Context) (rpc.ProjectList, error)) error {
	ticker := time.NewTicker(watchPoll)
	defer ticker.Stop()
	shown, first := map[string]rpc.Project{}, true
	for {
		answer, err := list(ctx)
		switch {
		case err != nil && (first || ctx.Err() != nil || !transient(err)):
			return a.serverError(err)
		case err != nil: // shown is what was known last
		case a.stdoutTTY && !out.machine():
			err = a.redrawProjects(answer.Projects)
		default:
			err = a.printChanged(out, shown, answer.Projects, first)
		}
		if err != nil && !transient(err) {
			return err
		}
		first = false
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *app) redrawProjects(projects []rpc.Project) error {
	var b bytes.Buffer
	b.WriteString(redraw)
	if err := projectTable(a, projects).write(&b); err != nil {
		return err
	}
	_, err := a.stdout.Write(b.Bytes())
	return err
}

// removedProject is what a watching list prints of a project that is gone.
type removedProject struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	File    string `json:"file"`
	Removed bool   `json:"removed"`
}

// printChanged prints what differs from what was shown, a line each.
func (a *app) printChanged(out outputFlags, shown map[string]rpc.Project, projects []rpc.Project, first bool) error {
	now := map[string]bool{}
	for _, p := range projects {
		key := p.Name + "\x00" + p.Source + "\x00" + p.File
		now[key] = true
		if have, ok := shown[key]; ok && have == p {
			continue
		}
		shown[key] = p
		if err := a.printWatched(out, p, projectLine(a, p, first && len(now) == 1)); err != nil {
			return err
		}
	}
	for key, p := range shown {
		if now[key] {
			continue
		}
		delete(shown, key)
		gone := removedProject{Name: p.Name, Source: p.Source, File: p.File, Removed: true}
		if err := a.printWatched(out, gone, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s  removed\n", projectTitle(p))
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// projectLine prints one project, below the names of the columns if it is the
// first.
func projectLine(a *app, p rpc.Project, head bool) func(io.Writer) error {
	return func(w io.Writer) error {
		t := projectTable(a, []rpc.Project{p})
		if !head {
			t.rows = t.rows[1:]
		}
		return t.write(w)
	}
}

func (a *app) printWatched(out outputFlags, value any, text func(io.Writer) error) error {
	if out.format == formatYAML && !out.shaped() {
		if _, err := io.WriteString(a.stdout, "---\n"); err != nil {
			return err
		}
	}
	return out.print(a.stdout, document{value: value, foreign: true, text: text})
}
