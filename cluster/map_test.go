package cluster

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A Map behaves as a plain map that is copied at each change, and what it was
// before stays as it was.
func TestMapIsAMapThatNeverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.String(), 1, 20).Draw(t, "keys")
		key := rapid.SampledFrom(keys)
		var m Map[int]
		model := map[string]int{}
		type version struct {
			m     Map[int]
			model map[string]int
		}
		var versions []version
		t.Repeat(map[string]func(*rapid.T){
			"with": func(t *rapid.T) {
				put := rapid.MapOf(key, rapid.Int()).Draw(t, "put")
				remove := rapid.SliceOf(key).Draw(t, "remove")
				versions = append(versions, version{m, maps.Clone(model)})
				m = m.With(put, remove)
				for _, k := range remove {
					delete(model, k)
				}
				maps.Copy(model, put)
			},
			"": func(t *rapid.T) {
				checkMap(t, m, model)
				if len(versions) > 0 {
					old := rapid.SampledFrom(versions).Draw(t, "old")
					checkMap(t, old.m, old.model)
				}
			},
		})
	})
}

func checkMap(t *rapid.T, m Map[int], model map[string]int) {
	if m.Len() != len(model) || !maps.Equal(maps.Collect(m.All()), model) {
		t.Fatalf("%v, want %v", maps.Collect(m.All()), model)
	}
	for k, want := range model {
		if got, ok := m.Get(k); !ok || got != want {
			t.Fatalf("Get(%q) = %d, %v, want %d", k, got, ok, want)
		}
	}
	if _, ok := m.Get("never put: \x00"); ok {
		t.Fatal("a key that was never put is there")
	}
	var keys []string
	for k, v := range m.Sorted() {
		keys = append(keys, k)
		if v != model[k] {
			t.Fatalf("Sorted has %d for %q, want %d", v, k, model[k])
		}
	}
	if !slices.Equal(keys, slices.Sorted(maps.Keys(model))) {
		t.Fatalf("Sorted has %q", keys)
	}
}

func TestMapIterationCanStop(t *testing.T) {
	m := Map[int]{}.With(map[string]int{"a": 1, "b": 2, "c": 3}, nil)
	for _, all := range []func(func(string, int) bool){m.All(), m.Sorted()} {
		n := 0
		for range all {
			if n++; n == 2 {
				break
			}
		}
		if n != 2 {
			t.Errorf("%d steps", n)
		}
	}
	for range (Map[int]{}).All() {
		t.Error("an empty map has something")
	}
}

// The cost of one change in a large map is that of a shard.
func TestMapChangeCopiesLittle(t *testing.T) {
	m := bigMap(100_000)
	n := testing.AllocsPerRun(20, func() { m.With(map[string]int{"key 4711": 1}, nil) })
	bytes := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			m.With(map[string]int{"key 4711": 1}, nil)
		}
	}).AllocedBytesPerOp()
	if n > 40 || bytes > 32<<10 {
		t.Errorf("one change takes %v allocations, %d bytes", n, bytes)
	}
}

func bigMap(n int) Map[int] {
	put := map[string]int{}
	for i := range n {
		put[fmt.Sprint("key ", i)] = i
	}
	return Map[int]{}.With(put, nil)
}

func BenchmarkMapGet(b *testing.B) {
	m := bigMap(100_000)
	for b.Loop() {
		m.Get("key 4711")
	}
}

func BenchmarkMapWith(b *testing.B) {
	m := bigMap(100_000)
	for b.Loop() {
		m.With(map[string]int{"key 4711": 1}, nil)
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewID()
		if seen[id] || len(id) < 16 {
			t.Fatalf("id %q", id)
		}
		for _, c := range id {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				t.Fatalf("id %q", id)
			}
		}
		seen[id] = true
	}
}

func TestDifferingHasEveryChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g", "h"})
		values := rapid.MapOf(keys, rapid.IntRange(0, 3))
		old := Map[int]{}.With(values.Draw(t, "old"), nil)
		m := old.With(values.Draw(t, "put"), rapid.SliceOf(keys).Draw(t, "remove"))
		seen := map[string]int{}
		for k := range m.Differing(old) {
			seen[k]++
		}
		for _, k := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			was, had := old.Get(k)
			is, has := m.Get(k)
			if seen[k] > 1 || (was != is || had != has) && seen[k] != 1 {
				t.Fatalf("%s is told %d times", k, seen[k])
			}
		}
		for k := range m.Differing(m) {
			t.Fatalf("%s differs from itself", k)
		}
	})
}

func TestDifferingCostsWhatHasChanged(t *testing.T) {
	m := bigMap(100_000)
	n := 0
	for range m.With(map[string]int{"key 4711": 1}, nil).Differing(m) {
		n++
	}
	if n > 1000 {
		t.Errorf("%d keys for one change of 100,000", n)
	}
	for range m.Differing(Map[int]{}) {
		break
	}
}
