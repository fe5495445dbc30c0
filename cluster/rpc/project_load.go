package rpc

import (
	"fmt"

	"maelstrom/project"
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
