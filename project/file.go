package project

import (
	"reflect"
	"strings"
)

// fileProject is a maelstrom.yml as it is written. The keys of it and of what
// it holds are the JSON names of the fields.
type fileProject struct {
	Schema      int                       `json:"schema"`
	Name        string                    `json:"name"`
	Environment []string                  `json:"environment"`
	EnvFile     string                    `json:"envfile"`
	Components  map[string]*fileComponent `json:"components"`
}

// fileComponent is a component as it is written: most keys are those of the
// stored one.
type fileComponent struct {
	Component

	Environment  []string                `json:"environment"`
	Files        []fileFileMount         `json:"files"`
	Crontab      string                  `json:"crontab"`
	EventSources map[string]*EventSource `json:"eventsources"`
}

// shape is how one struct of the file is decoded and written: its keys, and
// where each is kept.
type shape struct {
	keys   []shapeKey
	byName map[string]*shapeKey
	names  []string
}

type shapeKey struct {
	key
	index []int
	kind  reflect.Kind
}

var shapes = func() map[reflect.Type]*shape {
	out := map[reflect.Type]*shape{}
	for t, keys := range keysOf {
		out[t] = newShape(t, keys)
	}
	return out
}()

func newShape(t reflect.Type, keys []key) *shape {
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || f.Tag.Get("yaml") == "-" {
			continue
		}
		if hidden, ok := fields[name]; !ok || len(f.Index) < len(hidden.Index) {
			fields[name] = f
		}
	}
	s := &shape{keys: make([]shapeKey, len(keys)), byName: map[string]*shapeKey{}}
	for i, k := range keys {
		f := fields[k.name] // a key without a field panics here, at start
		s.keys[i] = shapeKey{key: k, index: f.Index, kind: f.Type.Kind()}
		s.byName[k.name] = &s.keys[i]
		s.names = append(s.names, k.name)
	}
	return s
}

// reflectValue is the struct that p points to.
func reflectValue[T any](p *T) reflect.Value { return reflect.ValueOf(p).Elem() }

// shapeOf is the shape of the struct that p points to.
func shapeOf[T any](*T) *shape { return shapes[reflect.TypeFor[T]()] }
