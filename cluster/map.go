package cluster

import (
	"hash/maphash"
	"iter"
	"maps"
	"reflect"
	"slices"
)

// fanout is the width of both levels above the shards of a Map. Two narrow
// levels instead of one wide spine keep a change of one key in a small map
// at a few hundred bytes of copying.
const fanout = 32

type (
	shard[V any]  map[string]V
	branch[V any] [fanout]shard[V]
	spine[V any]  [fanout]*branch[V]
)

var mapSeed = maphash.MakeSeed()

// Map is an immutable map: With returns a changed copy that shares all that
// did not change. The zero value is empty and usable.
type Map[V any] struct {
	root *spine[V]
	size int
}

// Get returns the value of key.
func (m Map[V]) Get(key string) (V, bool) {
	if m.root != nil {
		i, j := slot(key)
		if b := m.root[i]; b != nil {
			v, ok := b[j][key]
			return v, ok
		}
	}
	var zero V
	return zero, false
}

// Len returns the number of keys.
func (m Map[V]) Len() int { return m.size }

// All iterates over the map in no particular order.
func (m Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if m.root == nil {
			return
		}
		for _, b := range m.root {
			if b != nil && !b.each(yield) {
				return
			}
		}
	}
}

func (b *branch[V]) each(yield func(string, V) bool) bool {
	for _, s := range b {
		for k, v := range s {
			if !yield(k, v) {
				return false
			}
		}
	}
	return true
}

// Sorted iterates over the map by key.
func (m Map[V]) Sorted() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		keys := make([]string, 0, m.size)
		for k := range m.All() {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			v, _ := m.Get(k)
			if !yield(k, v) {
				return
			}
		}
	}
}

// Differing iterates over the keys of the parts that m and old do not share,
// each once. Every key that was put or removed since old is among them; others
// may be.
func (m Map[V]) Differing(old Map[V]) iter.Seq[string] {
	return func(yield func(string) bool) {
		if m.root == old.root {
			return
		}
		a, b := clone(m.root), clone(old.root)
		for i := range fanout {
			if a[i] != b[i] && !clone(a[i]).differing(clone(b[i]), yield) {
				return
			}
		}
	}
}

func (b *branch[V]) differing(old *branch[V], yield func(string) bool) bool {
	for j := range fanout {
		now, before := b[j], old[j]
		if reflect.ValueOf(now).Pointer() == reflect.ValueOf(before).Pointer() {
			continue
		}
		for k := range now {
			if !yield(k) {
				return false
			}
		}
		for k := range before {
			if _, told := now[k]; !told && !yield(k) {
				return false
			}
		}
	}
	return true
}

// With returns m with changes put and the keys of remove left out; a key in
// both is put. Only the touched shards are copied.
func (m Map[V]) With(changes map[string]V, remove []string) Map[V] {
	if len(changes) == 0 && len(remove) == 0 {
		return m
	}
	e := edit[V]{Map: m}
	for _, k := range remove {
		if _, kept := changes[k]; !kept {
			e.remove(k)
		}
	}
	for k, v := range changes {
		e.put(k, v)
	}
	return e.Map
}

// edit is a Map being changed; it remembers what it has copied already.
type edit[V any] struct {
	Map[V]
	branches [fanout]bool
	shards   map[[2]int]bool
	root     bool
}

func (e *edit[V]) put(key string, value V) {
	s := e.own(key)
	if _, had := s[key]; !had {
		e.size++
	}
	s[key] = value
}

func (e *edit[V]) remove(key string) {
	if _, had := e.Get(key); had {
		delete(e.own(key), key)
		e.size--
	}
}

// own returns the shard of key, copied once per edit.
func (e *edit[V]) own(key string) shard[V] {
	i, j := slot(key)
	if !e.root {
		e.root = true
		e.Map.root = clone(e.Map.root)
	}
	if !e.branches[i] {
		e.branches[i] = true
		e.Map.root[i] = clone(e.Map.root[i])
	}
	b := e.Map.root[i]
	if at := [2]int{i, j}; !e.shards[at] {
		if e.shards == nil {
			e.shards = map[[2]int]bool{}
		}
		e.shards[at] = true
		if b[j] == nil {
			b[j] = shard[V]{}
		} else {
			b[j] = maps.Clone(b[j])
		}
	}
	return b[j]
}

func clone[T any](p *T) *T {
	c := new(T)
	if p != nil {
		*c = *p
	}
	return c
}

func slot(key string) (i, j int) {
	h := maphash.String(mapSeed, key)
	return int(h % fanout), int(h / fanout % fanout)
}
