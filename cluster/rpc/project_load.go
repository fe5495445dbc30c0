package rpc

import (
	"fmt"
	"time"

	"maelstrom/project"
	"maelstrom/project/schedule"
)

// load parses and checks what was sent; nothing of a caller is trusted.
func (f *ProjectFiles) load() project.Loaded {
	in := project.Input{
		File:       f.Base.Path,
		Data:       f.Base.Data,
		AllowUnset: f.AllowUnset,
		Lookup: func(name string) (string, bool) {
			value, ok := f.Variables[name]
			return value, ok
		},
		ReadFile: func(path string) (project.File, error) {
			file, ok := f.EnvFiles[path]
			if !ok {
				return project.File{}, fmt.Errorf("%s was not sent with the project", path)
			}
			return project.File{Path: file.Path, Data: file.Data, Warning: file.Warning}, nil
		},
	}
	if f.Overlay != nil {
		in.OverlayFile, in.OverlayData = f.Overlay.Path, f.Overlay.Data
	}
	return project.Load(in)
}

// loadValid is load for who needs a project: problems are an error.
func (f *ProjectFiles) loadValid() (project.Loaded, error) {
	loaded := f.load()
	if loaded.Project == nil {
		return loaded, invalidProblems(f.Base.Path, loaded.Problems)
	}
	return loaded, nil
}

func (m PruneMode) orDefault() (PruneMode, error) {
	switch m {
	case "":
		return PruneAuto, nil
	case PruneAuto, PruneNever, PruneConfirm:
		return m, nil
	}
	return "", errorf(KindInvalid, "prune is auto, never or confirm, not %q", m)
}

// warnings are those of the file and those that the plan added, never nil.
func warnings(file, plan []project.Problem) []project.Problem {
	all := []project.Problem{}
	for _, p := range file {
		if p.Severity == project.Warning {
			all = append(all, p)
		}
	}
	return append(all, plan...)
}

// finish fills in when new and changed crons fire next, and makes empty lists
// of those that are not there.
func (s *Server) finish(c *project.Changes) {
	for _, list := range []*[]project.ObjectChange{
		&c.Components.Added, &c.Components.Updated, &c.Components.Removed,
		&c.EventSources.Added, &c.EventSources.Updated, &c.EventSources.Removed,
	} {
		if *list == nil {
			*list = []project.ObjectChange{}
		}
	}
	if c.Notes == nil {
		c.Notes = []string{}
	}
	c.Preview(func(expr string) []time.Time { return nextFires(expr, s.deps.CronZone, time.Now()) })
}

const previewFires = 3

// nextFires are the next few times at which a schedule fires.
func nextFires(expr string, zone *time.Location, now time.Time) []time.Time {
	parsed, err := schedule.Parse(expr, zone)
	if err != nil {
		return nil
	}
	var times []time.Time
	for at := now; len(times) < previewFires; {
		if at = parsed.Next(at, now); at.IsZero() {
			break
		}
		times = append(times, at)
	}
	return times
}
