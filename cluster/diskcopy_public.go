package cluster

import (
	"fmt"

	"maelstrom/project"
)

// PublicProject is p as a snapshot from the copy on disk has projects: without
// whatever may hold a secret. Two that differ in such values alone are equal.
func PublicProject(p *project.Project) *project.Project {
	out := *p
	out.Components = make([]project.Component, len(p.Components))
	for i := range p.Components {
		spec, _ := publicSpec(&p.Components[i])
		out.Components[i] = *spec
	}
	out.EventSources = make([]project.EventSource, len(p.EventSources))
	for i := range p.EventSources {
		spec, _ := publicTrigger(&p.EventSources[i])
		out.EventSources[i] = *spec
	}
	return &out
}

// publicComponent is the version that runs, and the one before as long as that
// may run beside it, without whatever may hold a secret.
func publicComponent(declared *ComponentRow) *ComponentRow {
	row := declared.Current()
	spec, withheld := publicSpec(row.Spec)
	if row != declared {
		withheld = append(withheld, fmt.Sprintf("all of version %d, which does not run", declared.Version))
	}
	out := &ComponentRow{
		Spec: spec, Version: row.Version, ModifiedAt: row.ModifiedAt,
		RestartVersion: row.RestartVersion, Proven: row.Proven, Released: row.Version, Withheld: withheld,
	}
	if row.Kept != nil {
		out.Kept = publicComponent(row.Kept)
	}
	return out
}

// publicSpec also names the keys that it leaves out. Of an environment the
// names stay.
func publicSpec(in *project.Component) (spec *project.Component, withheld []string) {
	out := *in
	out.Environment = make([]project.EnvVar, len(in.Environment))
	for i, v := range in.Environment {
		out.Environment[i].Name = v.Name
	}
	for _, key := range []struct {
		name string
		set  bool
	}{
		{"pullusername", in.PullUsername != ""}, {"pullpassword", in.PullPassword != ""}, {"pullcommand", len(in.PullCommand) > 0},
		{"logdriveroptions", len(in.LogDriverOptions) > 0}, {"files", len(in.Files) > 0},
	} {
		if key.set {
			withheld = append(withheld, key.name)
		}
	}
	out.PullUsername, out.PullPassword, out.PullCommand = "", "", nil
	out.LogDriverOptions = nil
	out.Files = nil
	return &out, withheld
}

// publicEventSource leaves out the values of headers and the request's body.
func publicEventSource(row *EventSourceRow) *EventSourceRow {
	if row.Spec.Cron == nil {
		return row
	}
	out := *row
	out.Spec, out.Withheld = publicTrigger(row.Spec)
	return &out
}

func publicTrigger(in *project.EventSource) (spec *project.EventSource, withheld []string) {
	if in.Cron == nil {
		return in, nil
	}
	out, cron := *in, *in.Cron
	if cron.HTTP.Data != "" {
		withheld = []string{"data"}
	}
	cron.HTTP.Data = ""
	cron.HTTP.Headers = make([]project.Header, len(in.Cron.HTTP.Headers))
	for i, h := range in.Cron.HTTP.Headers {
		cron.HTTP.Headers[i].Name = h.Name
	}
	out.Cron = &cron
	return &out, withheld
}
