package project

// Changes is what an apply does to one project.
type Changes struct {
	Project      string        `json:"project"`
	Components   ObjectChanges `json:"components"`
	EventSources ObjectChanges `json:"event_sources"`
	Summary      Summary       `json:"summary"`
	Notes        []string      `json:"notes"`
}

// ObjectChanges groups changed objects of one kind, each list sorted by name.
type ObjectChanges struct {
	Added   []ObjectChange `json:"added"`
	Updated []ObjectChange `json:"updated"`
	Removed []ObjectChange `json:"removed"`
}

// ObjectChange is one component or event source that is added, updated or removed.
type ObjectChange struct {
	Name    string   `json:"name"`
	Impact  Impact   `json:"impact"`
	Changes []Change `json:"changes,omitempty"`
}

// Change is one field that differs.
type Change struct {
	Field  string `json:"field"`
	Old    any    `json:"old"`
	New    any    `json:"new"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Side   Side   `json:"side"`
	Impact Impact `json:"impact"`
}

// Side tells which revision a line belongs to.
type Side string

// The sides.
const (
	SideNew Side = "new"
	SideOld Side = "old"
)

// Impact is what a change does to what runs.
type Impact string

// Summary counts components and event sources together.
type Summary struct {
	Added    int `json:"added"`
	Updated  int `json:"updated"`
	Restarts int `json:"restarts"` // of Updated
	Removed  int `json:"removed"`
}

// Diff compares two revisions of a project by their effective values. A nil
// project has nothing in it. Where tells where the fields of the new one were
// written. Secrets are masked.
func Diff(old, new *Project, where map[string]Position) Changes { return Changes{} }
