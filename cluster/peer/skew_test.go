package peer

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

var update = flag.Bool("update", false, "write what frames have on the wire, with what is new")

// filled returns a value of a type with everything set that it has.
func filled(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, time.March, 1, 10, 0, 0, 0, time.UTC)))
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				v.Field(i).Set(filled(t.Field(i).Type))
			}
		}
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(filled(t.Elem()))
	case t.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, filled(t.Elem())))
	case t.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(filled(t.Key()), filled(t.Elem()))
	case t.Kind() == reflect.String:
		v.SetString("d")
	case t.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	case v.CanFloat():
		v.SetFloat(7)
	}
	return v
}

// wireOf is a frame with everything in it, as it is on the wire.
func wireOf(t *testing.T) map[string]any {
	t.Helper()
	f := filled(reflect.TypeFor[frame]()).Interface().(frame)
	f.Call.Reserve.Node = "d"
	return generic(t, &f)
}

func generic(t *testing.T, v any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// edit calls do with each field of an object, at any depth, by its path, and the
// object that it is in.
func edit(path string, v any, do func(path, field string, in map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, field := range sortedKeys(v) {
			edit(path+"."+field, v[field], do)
			do(path+"."+field, field, v)
		}
	case []any:
		for _, one := range v {
			edit(path+"[]", one, do)
		}
	}
}

func sortedKeys(m map[string]any) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// frameOf is a frame as another release writes it.
func frameOf(t *testing.T, m map[string]any) []byte {
	t.Helper()
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// What a release once wrote keeps its name and its place: nodes of the release
// before look for it there.
func TestFramesKeepTheirFields(t *testing.T) {
	var now []string
	edit("", wireOf(t), func(path, _ string, _ map[string]any) { now = append(now, path) })
	slices.Sort(now)
	golden := filepath.Join("testdata", "frame.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Fields(string(text))
	for _, path := range was {
		if !slices.Contains(now, path) {
			t.Errorf("%s is gone: nodes of the release before need it", path)
		}
	}
	for _, path := range now {
		if !slices.Contains(was, path) {
			t.Errorf("%s is not in %s: run go test ./cluster/peer -run %s -update", path, golden, t.Name())
		}
	}
}

// A later release may say more, anywhere: what this one knows means the same.
func TestFramesOfLaterReleases(t *testing.T) {
	want := filled(reflect.TypeFor[frame]()).Interface().(frame)
	want.Call.Reserve.Node = "d"
	m := wireOf(t)
	maps := []string{".load.components", ".load.instances", ".memory"} // of names, not of fields
	edit("", m, func(path, field string, in map[string]any) {
		if object, ok := in[field].(map[string]any); ok && !slices.Contains(maps, path) {
			object["of_a_later_release"] = map[string]any{"list": []any{1, "two"}}
		}
	})
	m["of_a_later_release"] = "too"
	got, err := readFrame(strings.NewReader(string(frameOf(t, m))))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(generic(t, got), generic(t, &want)) {
		t.Errorf("understood as %+v", got)
	}
	if err := (&answer{Kind: "of_a_later_release", Message: "no"}).err(); err == nil || err.Error() != "no" {
		t.Errorf("an outcome of another kind: %v", err)
	}
}

// Whatever a release leaves out that does not know it yet, or says that this one
// does not know, its stream lives on: only who introduces himself as nobody, or
// tells of others' instances, is cut.
func TestStreamsOfOtherReleases(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.db.put(cluster.Node{ID: "d", Epoch: 5, State: cluster.NodeUp, Peers: true, Address: "nowhere"})
		w.setHolder("a")
		pass(2 * time.Second)
		for _, protocol := range []int{0, 1, protocol + 1} {
			conn, err := w.network.dial(t.Context(), "d", "a")
			if err != nil {
				t.Fatal(err)
			}
			in, err := upgrade(conn, "a")
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = in.WriteTo(discard{}) }()
			say := func(m map[string]any) {
				t.Helper()
				if _, err := conn.Write(frameOf(t, m)); err != nil {
					t.Fatal(err)
				}
			}
			say(map[string]any{"hello": map[string]any{"node": "d", "epoch": 5 + protocol, "protocol": protocol, "later": true}})
			synctest.Wait()
			if !a.hub.Live("d") {
				t.Fatalf("protocol %d is not understood", protocol)
			}
			for _, left := range leftOut(t) {
				say(left.frame)
				say(map[string]any{"later": left.path})
				say(map[string]any{"call": map[string]any{"id": 1 << 40, "later": "x"}})
				synctest.Wait()
				if a.streams() != 3 || !a.hub.Live("d") {
					t.Fatalf("protocol %d without %s: the stream ends", protocol, left.path)
				}
			}
			a.hub.Load()
			pass(beat) // it is looked at all of it
			conn.Close()
			pass(beat)
		}
		if !a.hub.Live("b") || !a.hub.Live("c") {
			t.Error("others are not heard")
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

type lacking struct {
	path  string
	frame map[string]any
}

// leftOut are whole frames, each without one field.
func leftOut(t *testing.T) (all []lacking) {
	var paths []string
	edit("", wireOf(t), func(path, _ string, _ map[string]any) { paths = append(paths, path) })
	for _, path := range paths {
		if path == ".instances.node" || strings.HasPrefix(path, ".hello") {
			continue
		}
		m := wireOf(t)
		delete(m, "bye")
		delete(m, "removed")
		edit("", m, func(at, field string, in map[string]any) {
			if at == path {
				delete(in, field)
			}
		})
		all = append(all, lacking{path, m})
	}
	return all
}
