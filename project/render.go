package project

import (
	"maps"
	"reflect"
	"strings"
)

// What `render` shows for values that only a running node knows.
const (
	renderedPrivateURL = "http://<bridge gateway>:8374"
	renderedVersion    = "<version>"
)

// Rendered is the effective project as `project render` shows it: its JSON is
// that of Document. Values are in clear; Masked hides the secret ones.
type Rendered struct {
	project *Project
	files   map[string]*fileComponent // by full name
	masked  bool
}

// RenderedProject is a rendered project in full.
type RenderedProject struct {
	FormatVersion string              `json:"format_version"`
	Project       string              `json:"project"`
	Components    []RenderedComponent `json:"components"`
	EventSources  []map[string]any    `json:"event_sources"`
}

// RenderedComponent is one component of a rendered project.
type RenderedComponent struct {
	Name                 string            `json:"name"`
	Fields               map[string]any    `json:"fields"`
	Environment          map[string]string `json:"environment"`
	ContainerEnvironment map[string]string `json:"container_environment"`
	Notes                []string          `json:"notes"`
}

// Masked is r with every secret value reading Hidden.
func (r *Rendered) Masked() *Rendered {
	masked := *r
	masked.masked = true
	return &masked
}

// MarshalJSON writes the document.
func (r *Rendered) MarshalJSON() ([]byte, error) { return marshal(r.Document()) }

// Document writes every value out.
func (r *Rendered) Document() RenderedProject {
	p := r.project
	out := RenderedProject{
		FormatVersion: "1.0", Project: p.Name,
		Components: make([]RenderedComponent, len(p.Components)), EventSources: make([]map[string]any, len(p.EventSources)),
	}
	for i := range p.Components {
		out.Components[i] = renderComponent(&p.Components[i], r.files[p.Components[i].Name])
		if r.masked {
			out.Components[i].mask()
		}
	}
	for i := range p.EventSources {
		out.EventSources[i] = renderEventSource(&p.EventSources[i])
		if r.masked {
			out.EventSources[i] = maskObject(out.EventSources[i])
		}
	}
	return out
}

func renderComponent(c *Component, file *fileComponent) RenderedComponent {
	effective := fileComponent{
		Component: c.Effective(), Environment: file.Environment, Crontab: file.Crontab,
		EventSources: make(map[string]*EventSource, len(file.EventSources)),
	}
	for i := range effective.Component.Files {
		effective.Files = append(effective.Files, effective.Component.Files[i].written())
	}
	for name, e := range file.EventSources {
		source := e.Effective()
		effective.EventSources[name] = &source
	}
	order, why := c.restartOrder()
	return RenderedComponent{
		Name:                 c.Name,
		Fields:               renderStruct(reflectValue(&effective)),
		Environment:          envObject(c.Environment),
		ContainerEnvironment: envObject(containerEnvironment(c, renderedVersion, renderedPrivateURL)),
		Notes:                []string{"restartorder: " + string(order) + ", " + why},
	}
}

// renderEventSource lays the keys of the one type flat beside the name.
func renderEventSource(e *EventSource) map[string]any {
	effective := e.Effective()
	out := map[string]any{"name": e.Name, "component": e.Component, "type": string(e.Type()), "enabled": true}
	switch {
	case effective.HTTP != nil:
		maps.Copy(out, renderStruct(reflectValue(effective.HTTP)))
	case effective.Cron != nil:
		maps.Copy(out, renderStruct(reflectValue(&effective.Cron.HTTP)))
		out["schedule"] = effective.Cron.Schedule
	case effective.SQS != nil:
		maps.Copy(out, renderStruct(reflectValue(effective.SQS)))
	case effective.AWSStepFunc != nil:
		maps.Copy(out, renderStruct(reflectValue(effective.AWSStepFunc)))
	}
	return out
}

func envObject(vars []EnvVar) map[string]string {
	out := make(map[string]string, len(vars))
	for _, v := range vars {
		out[v.Name] = v.Value
	}
	return out
}

// renderStruct is every key of a mapping of the file with its value; of the
// types of an event source only the one it has.
func renderStruct(v reflect.Value) map[string]any {
	out := map[string]any{}
	for _, k := range shapes[v.Type()].keys {
		field := v.FieldByIndex(k.index)
		if field.Kind() == reflect.Pointer {
			if field.IsNil() { // a type that the event source is not
				continue
			}
			field = field.Elem()
		}
		if k.word != "" && field.Len() == 0 {
			out[k.name] = k.word
			continue
		}
		out[k.name] = renderValue(field)
	}
	return out
}

func renderValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return renderValue(v.Elem())
	case reflect.Struct:
		return renderStruct(v)
	case reflect.Slice:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = renderValue(v.Index(i))
		}
		return out
	case reflect.Map:
		out := make(map[string]any, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			out[entries.Key().String()] = renderValue(entries.Value())
		}
		return out
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}

func (c *RenderedComponent) mask() {
	c.Fields = maskObject(c.Fields)
	c.Environment = maskEnv(c.Environment)
	c.ContainerEnvironment = maskEnv(c.ContainerEnvironment)
}

func maskEnv(vars map[string]string) map[string]string {
	out := make(map[string]string, len(vars))
	for name, value := range vars {
		out[name] = MaskValue(name, value)
	}
	return out
}

// maskObject masks the values of secret keys, of headers by their name, and of
// environment entries.
func maskObject(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	header, _ := object["name"].(string)
	sensitive, _ := object["sensitive"].(bool)
	for key, value := range object {
		name := key
		if key == "value" {
			name = header
		}
		out[key] = mask(name, value)
		if sensitive && key == "content" {
			out[key] = Hidden
		}
	}
	return out
}

func mask(name string, value any) any {
	switch v := value.(type) {
	case string:
		if entry, secret, ok := strings.Cut(v, "="); ok && name == "environment" {
			return entry + "=" + MaskValue(entry, secret)
		}
		return MaskValue(name, v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = mask(name, v[i])
		}
		return out
	case map[string]any:
		return maskObject(v)
	}
	return value
}
