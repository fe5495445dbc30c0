package cluster

import (
	"cmp"
	"slices"

	"maelstrom/project"
)

// ProjectState is what an apply of desired would find, as far as the snapshot
// knows: claims have the times of the rows that make them.
func (s *Snapshot) ProjectState(desired *project.Project) ProjectState {
	state := ProjectState{
		Components:   map[string]ComponentRow{},
		EventSources: map[string]EventSourceRow{},
		Control:      ControlRow{Kind: ControlProject, Name: desired.Name},
	}
	state.Project, _ = s.Projects.Get(desired.Name)
	if row, ok := s.Controls.Get(state.Control.Key()); ok {
		state.Control = *row
	}
	wanted := claimedBy(desired)
	for name, row := range s.Components.All() {
		if row.Spec.Project == desired.Name {
			state.Components[name] = *row
		} else if key := (claimKey{ClaimComponent, name}); wanted[key] {
			state.Foreign = append(state.Foreign, Claim{
				Kind: key.kind, Key: key.key, Project: desired.Name, Owner: row.Spec.Project, Object: name, Since: row.ModifiedAt,
			})
		}
	}
	for name, row := range s.EventSources.All() {
		if row.Spec.Project == desired.Name {
			state.EventSources[name] = *row
			continue
		}
		for _, key := range eventSourceClaims(row.Spec) {
			if wanted[key] {
				state.Foreign = append(state.Foreign, Claim{
					Kind: key.kind, Key: key.key, Project: desired.Name, Owner: row.Spec.Project, Object: name, Since: row.CreatedAt,
				})
			}
		}
	}
	slices.SortFunc(state.Foreign, func(a, b Claim) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	return state
}

type claimKey struct {
	kind ClaimKind
	key  string
}

func claimedBy(p *project.Project) map[claimKey]bool {
	keys := map[claimKey]bool{}
	for i := range p.Components {
		keys[claimKey{ClaimComponent, p.Components[i].Name}] = true
	}
	for i := range p.EventSources {
		for _, key := range eventSourceClaims(&p.EventSources[i]) {
			keys[key] = true
		}
	}
	return keys
}

func eventSourceClaims(e *project.EventSource) []claimKey {
	keys := []claimKey{{ClaimEventSource, e.Name}}
	if e.HTTP != nil {
		keys = append(keys, claimKey{ClaimRoute, project.NormalHost(e.HTTP.Hostname) + " " + e.HTTP.PathPrefix})
	}
	return keys
}
