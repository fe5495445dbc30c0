package project

// Claim is what a project wants for itself alone.
type Claim struct {
	Kind ClaimKind
	Key  string // the name, or hostname + " " + path prefix in one form for all spellings
	Path string // of the field, as written in the file
	At   Position
}

// ClaimKind says what a claim is about.
type ClaimKind string

// The claim kinds.
const (
	ClaimProject     ClaimKind = "project"
	ClaimComponent   ClaimKind = "component"
	ClaimEventSource ClaimKind = "event_source"
	ClaimRoute       ClaimKind = "route"
)

// Claims are what the loaded project wants for itself alone: its name first,
// then the names of what is in it and the routes. Nil without a project.
func (l *Loaded) Claims() []Claim {
	p := l.Project
	if p == nil {
		return nil
	}
	claims := []Claim{{ClaimProject, p.Name, "name", l.Positions["name"]}}
	for i := range p.Components {
		claims = append(claims, l.nameClaim(ClaimComponent, "components.", p.Components[i].Name))
	}
	for i := range p.EventSources {
		e := &p.EventSources[i]
		claims = append(claims, l.nameClaim(ClaimEventSource, "eventsources.", e.Name))
		if e.HTTP != nil {
			claims = append(claims, l.routeClaim(e))
		}
	}
	return claims
}

func (l *Loaded) nameClaim(kind ClaimKind, list, full string) Claim {
	return Claim{kind, full, l.written[list+full], l.Positions[list+full]}
}

func (l *Loaded) routeClaim(e *EventSource) Claim {
	key, field := "eventsources."+e.Name, ".http.hostname"
	if e.HTTP.Hostname == "" {
		field = ".http.pathprefix"
	}
	return Claim{ClaimRoute, routeKey(e.HTTP), l.written[key] + field, l.Positions[key+field]}
}
