package rpc

import (
	"context"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (s *Server) export(ctx context.Context, req ExportRequest) (ExportAnswer, error) {
	snap := s.deps.Feed.Snapshot()
	answer := ExportAnswer{Projects: []ExportedProject{}, Claims: []cluster.Claim{}}
	names := req.Names
	if len(names) == 0 {
		for _, row := range snap.Projects.Sorted() {
			names = append(names, row.Name)
		}
		claims, err := s.claims(ctx)
		if err != nil {
			return ExportAnswer{}, err
		}
		answer.Claims = claims
	}
	stored := storedProjects(snap)
	for _, name := range names {
		p, ok := stored[strings.ToLower(name)]
		if !ok {
			return ExportAnswer{}, errorf(KindNotFound, "there is no project %q: `maelctl project ls` lists them", name)
		}
		prefix := ""
		if req.Prefix {
			prefix = p.Name
		}
		answer.Projects = append(answer.Projects, exportOf(snap, p, prefix))
	}
	return answer, nil
}

// storedProjects are the projects of a snapshot as they were declared.
func storedProjects(snap *cluster.Snapshot) map[string]*project.Project {
	all := map[string]*project.Project{}
	for _, row := range snap.Projects.Sorted() {
		all[row.Name] = &project.Project{Name: row.Name}
	}
	for _, row := range snap.Components.Sorted() {
		if p := all[row.Spec.Project]; p != nil {
			p.Components = append(p.Components, *row.Spec)
		}
	}
	for _, row := range snap.EventSources.Sorted() {
		if p := all[row.Spec.Project]; p != nil {
			p.EventSources = append(p.EventSources, *row.Spec)
		}
	}
	return all
}

func exported(p *project.Project) ExportedProject { return exportedAs(p.Name, project.Export(p)) }

func exportedAs(name string, x project.Exported) ExportedProject {
	out := ExportedProject{Name: name, Text: x.Text, EnvTemplate: x.EnvTemplate(), Variables: []ExportedVariable{}}
	for _, v := range x.Variables {
		out.Variables = append(out.Variables, ExportedVariable{v.Name, v.Paths})
	}
	return out
}

// exportOf is a project of a snapshot as a file. One from the copy on disk says
// what it lacks.
func exportOf(snap *cluster.Snapshot, p *project.Project, prefix string) ExportedProject {
	if !snap.Restored {
		return exportedAs(p.Name, project.ExportPrefixed(p, prefix))
	}
	out := exportedAs(p.Name, project.ExportWithheld(p, prefix))
	head := "# Written without the database, from a copy that has no secrets: a variable stands\n" +
		"# for each value of an environment or a header.\n"
	for _, line := range withheldOf(snap, p) {
		head += "# Left out: " + line + "\n"
	}
	out.Text = head + out.Text
	return out
}

// withheldOf names what the copy on disk lacks of a project beside values that
// have names.
func withheldOf(snap *cluster.Snapshot, p *project.Project) (lines []string) {
	add := func(name string, withheld []string) {
		if len(withheld) > 0 {
			lines = append(lines, strings.Join(withheld, ", ")+" of "+name)
		}
	}
	for i := range p.Components {
		if row, ok := snap.Components.Get(p.Components[i].Name); ok {
			add(row.Spec.Name, row.Withheld)
		}
	}
	for i := range p.EventSources {
		if row, ok := snap.EventSources.Get(p.EventSources[i].Name); ok {
			add(row.Spec.Name, row.Withheld)
		}
	}
	return lines
}
