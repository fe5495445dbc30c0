package mysql8

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/project"
)

// tour calls methods of a store in an order in which each has something to
// do, and writes down what they answer.
type tour struct {
	t       *testing.T
	s       *store.Store
	called  map[string]bool
	answers []string
}

// call calls a method by its name. An error ends the test.
func (r *tour) call(method string, args ...any) []any {
	r.t.Helper()
	r.called[method] = true
	out, err := r.try(method, args...)
	if err != nil {
		r.t.Fatalf("%s on %s: %v", method, r.s.Dialect(), err)
	}
	return out
}

// refused calls a method that has to fail.
func (r *tour) refused(method string, args ...any) {
	r.t.Helper()
	if _, err := r.try(method, args...); err == nil || strings.Contains(err.Error(), "syntax") {
		r.t.Fatalf("%s on %s: %v", method, r.s.Dialect(), err)
	}
}

func (r *tour) try(method string, args ...any) (out []any, err error) {
	function := reflect.ValueOf(r.s).MethodByName(method)
	in := []reflect.Value{reflect.ValueOf(r.t.Context())}
	for i, a := range args {
		if a == nil {
			in = append(in, reflect.Zero(function.Type().In(i+1)))
			continue
		}
		in = append(in, reflect.ValueOf(a))
	}
	for _, v := range function.Call(in) {
		if e, ok := v.Interface().(error); ok {
			err = e
		} else if v.Type() != reflect.TypeFor[error]() {
			out = append(out, v.Interface())
		}
	}
	r.answers = append(r.answers, fmt.Sprintf("%s: %v", method, err == nil))
	return out, err
}

// tell notes what has to be alike on every database.
func (r *tour) tell(format string, args ...any) {
	r.answers = append(r.answers, fmt.Sprintf(format, args...))
}

// Every method of the store, and so every statement and every migration, runs
// on a server that speaks MySQL 8, and answers as it does on SQLite.
func TestEveryMethodRuns(t *testing.T) {
	dsn := start(t)
	mysql := &tour{t: t, s: open(t, "mysql", dsn), called: map[string]bool{}}
	sqlite := &tour{t: t, s: file(t), called: map[string]bool{}}
	for _, r := range []*tour{mysql, sqlite} {
		r.projects()
		r.sources()
		r.leases()
		r.placements()
		r.runs()
		r.firings()
		r.rest()
	}
	for i, answer := range sqlite.answers {
		if mysql.answers[i] != answer {
			t.Errorf("MySQL answers %s, SQLite %s", mysql.answers[i], answer)
		}
	}
	// These say nothing to the database, or are SQLite's alone, or are called
	// in the other test.
	for _, name := range []string{"Close", "Dialect", "Stats", "Migrate", "Backup", "Path", "Tables", "CopyTo", "CheckTarget", "MarkLeft", "Unmark"} {
		mysql.called[name] = true
	}
	for method := range reflect.TypeFor[*store.Store]().Methods() {
		if !mysql.called[method.Name] {
			t.Errorf("%s was not called", method.Name)
		}
	}
}

// The copy of an SQLite database, and what goes with it.
func TestCopy(t *testing.T) {
	from := &tour{t: t, s: file(t), called: map[string]bool{}}
	from.projects()
	from.firings()
	to := open(t, "mysql", start(t))
	ctx := t.Context()
	id, err := from.s.ClusterID(ctx)
	must(t, err)
	tables, err := from.s.Tables(ctx)
	must(t, err)
	must(t, to.CheckTarget(ctx, id, tables))
	move := store.Move{ID: "m", Driver: "mysql", Node: "a", Source: "file", At: time.Unix(1, 0).UTC(), State: store.MoveArriving}
	for _, complete := range []bool{false, true} {
		copied, err := from.s.CopyTo(ctx, to, store.CopyOptions{Move: move, Complete: complete})
		must(t, err)
		if len(copied) != len(tables) {
			t.Fatalf("%d tables copied, want %d", len(copied), len(tables))
		}
	}
	must(t, to.MarkLeft(ctx, move))
	if m, err := to.Move(ctx); err != nil || m == nil || m.State != store.MoveLeft {
		t.Fatalf("mark %+v, %v", m, err)
	}
	must(t, to.Unmark(ctx))
	want, err := from.s.Changes(ctx, 0)
	must(t, err)
	got, err := to.Changes(ctx, 0)
	must(t, err)
	if got.Number != want.Number || len(got.Components) != len(want.Components) || len(got.Components) == 0 {
		t.Fatalf("%d components at %d, want %d at %d", len(got.Components), got.Number, len(want.Components), want.Number)
	}
}

func (r *tour) apply(names ...string) {
	r.t.Helper()
	desired := &project.Project{Name: "p"}
	for _, name := range names {
		desired.Components = append(desired.Components, project.Component{Name: name, Project: "p", Image: "image 🌊"})
		desired.EventSources = append(desired.EventSources, project.EventSource{Name: name, Project: "p", Component: name,
			HTTP: &project.HTTPSource{Hostname: "host", PathPrefix: "/" + name}})
	}
	result := r.call("ApplyProject", cluster.ApplyRequest{Desired: desired, Actor: "test", Plan: func(state cluster.ProjectState) (cluster.ProjectWrite, error) {
		return plan(desired, state), nil
	}})[0].(cluster.ApplyResult)
	r.tell("%v %d", result.Components, result.Revision)
}

// plan puts everything that is wanted, and removes the rest.
func plan(desired *project.Project, state cluster.ProjectState) (w cluster.ProjectWrite) {
	wanted := map[string]bool{}
	for i := range desired.Components {
		c, e := &desired.Components[i], &desired.EventSources[i]
		wanted[c.Name] = true
		w.PutComponents = append(w.PutComponents, cluster.ComponentWrite{Spec: c, Version: state.Components[c.Name].Version, Restart: true})
		w.PutEventSources = append(w.PutEventSources, cluster.EventSourceWrite{Spec: e, Version: state.EventSources[e.Name].Version})
	}
	for name, row := range state.Components {
		if !wanted[name] {
			w.RemoveComponents = append(w.RemoveComponents, cluster.ObjectVersion{Name: name, Version: row.Version})
		}
	}
	for name, row := range state.EventSources {
		if !wanted[name] {
			w.RemoveEventSources = append(w.RemoveEventSources, cluster.ObjectVersion{Name: name, Version: row.Version})
		}
	}
	return w
}

func (r *tour) projects() {
	r.t.Helper()
	r.apply("case", "Case", "blank ", "blank")
	since := r.call("ChangeNumber")[0]
	r.apply("case", "Case")
	r.apply("case", "Case", "blank") // whose version goes on
	cs := r.call("Changes", since)[0].(cluster.ChangeSet)
	r.tell("%v %d %d", cs.Full, len(cs.Components), cs.Number)
	cs = r.call("Changes", int64(0))[0].(cluster.ChangeSet)
	r.tell("%v %d %d %s", cs.Full, len(cs.Components), cs.Number, cs.Components["case"].Spec.Image)
	r.tell("%v", r.call("BumpComponents", []string{"case", "blank"}, "somebody"))
	r.tell("%v", r.call("SetEventSourcesEnabled", []string{"case"}, false))
	r.refused("SetEventSourcesEnabled", []string{"CASE"}, true)
	r.call("LoadProject", &project.Project{Name: "q", Components: []project.Component{{Name: "case", Project: "q"}}})
	r.tell("%d", len(r.call("Revisions", "p", 10)[0].([]cluster.Revision)))
	r.tell("%v", r.call("Revision", "p", int64(1))[1] != nil)
	gone := &project.Project{Name: "q"}
	r.call("ApplyProject", cluster.ApplyRequest{Desired: gone, Plan: func(cluster.ProjectState) (cluster.ProjectWrite, error) {
		return cluster.ProjectWrite{RemoveProject: true}, nil
	}})
}

func (r *tour) take(role, holder string) cluster.Hold {
	r.t.Helper()
	var seen cluster.Lease
	for _, l := range r.call("Leases")[0].([]cluster.Lease) {
		if l.Role == role {
			seen = l
		}
	}
	seen.Role = role
	taken := r.call("TakeLease", seen, holder)[0].(cluster.Lease)
	r.tell("%+v", taken)
	return cluster.Hold{Role: role, Holder: holder, Fence: taken.Fence}
}

func (r *tour) leases() {
	r.t.Helper()
	first := r.take("role", "a")
	second := r.take("role", "b")
	r.tell("%v", r.call("RenewLeases", "a", []cluster.Hold{first}))
	r.tell("%v", r.call("RenewLeases", "b", []cluster.Hold{second}))
	r.call("GiveLease", second)
}

func (r *tour) placements() {
	r.t.Helper()
	r.call("JoinNode", cluster.Node{ID: "a"})
	epoch := r.call("JoinNode", cluster.Node{ID: "a"})[0].(int64)
	r.call("WriteNode", cluster.Node{ID: "a", Epoch: epoch, State: cluster.NodeDraining})
	r.tell("%d", len(r.call("Nodes")[0].([]cluster.Node)))
	hold := r.take(cluster.RolePlacement, "a")
	r.tell("%v", r.call("MarkLost", hold, "a", epoch, time.Hour))
	r.tell("%v", r.call("MarkLost", hold, "a", epoch, time.Duration(0)))
	r.tell("%v", len(r.call("EndLostRuns", hold, "a", time.Duration(0))[0].([]cluster.Run)))
	r.tell("%v", len(r.call("EndLostFirings", hold, "a", time.Duration(0))[0].([]cluster.Firing)))
	r.call("JoinNode", cluster.Node{ID: "drained"})
	r.call("DrainNode", "drained", cluster.DrainForce)
	r.call("WriteNode", cluster.Node{ID: "drained", Epoch: 1, State: cluster.NodeDown})
	r.tell("%v", r.call("RemoveNode", "drained")[0])
	p := &cluster.Placement{ID: "x", Component: "case", Node: "a", Want: cluster.WantRun, MemoryMiB: 1}
	r.call("WritePlacements", hold, []cluster.PlacementWrite{{Insert: p}})
	r.refused("WritePlacements", hold, []cluster.PlacementWrite{{Insert: p}})
	i := cluster.Instance{Placement: "x", Component: "case", Node: "a", State: cluster.InstanceReady}
	r.call("WriteInstances", "a", epoch, []cluster.Instance{i}, []string{"y", "z"})
	stop := *p
	stop.Version, stop.Want = 1, cluster.WantStop
	r.call("WritePlacements", hold, []cluster.PlacementWrite{{Want: &stop}})
	r.tell("%v", r.call("MarkStopping", i, int64(2)))
	run := stop
	run.Version, run.Want = 2, cluster.WantRun
	r.refused("WritePlacements", hold, []cluster.PlacementWrite{{Want: &run}}) // it is stopping
	r.tell("%v", r.call("InstanceLists")[0].([]cluster.InstanceList)[0].Instances[0].State)
	r.call("WriteInstances", "a", epoch, nil, []string{"x"})
	stop.Version = 2
	r.call("WritePlacements", hold, []cluster.PlacementWrite{{Delete: &stop}})
	r.refused("WritePlacements", cluster.Hold{Role: hold.Role, Holder: "b", Fence: 1}, []cluster.PlacementWrite{{Insert: p}})
	r.rollouts(hold)
}

// rollouts lets a version fail, tries it again, and proves it.
func (r *tour) rollouts(hold cluster.Hold) {
	r.t.Helper()
	version := r.call("BumpComponents", []string{"case"}, "somebody")[0].(map[string]int64)["case"]
	write := func(state cluster.RolloutState, version int64) []cluster.PlacementWrite {
		return []cluster.PlacementWrite{{Rollout: &cluster.RolloutWrite{Component: "case", Version: version, State: state,
			Failure: &cluster.RolloutFailure{Reason: cluster.ReasonExited, Message: "no 🌊", Tries: 1, RetryAt: time.Unix(9, 0)}}}}
	}
	r.refused("WritePlacements", hold, write(cluster.RolloutProven, version-1))
	for _, state := range []cluster.RolloutState{cluster.RolloutFailed, cluster.RolloutRetry, cluster.RolloutProven, cluster.RolloutProven} {
		r.call("WritePlacements", hold, write(state, version))
		row := r.call("Changes", int64(0))[0].(cluster.ChangeSet).Components["case"]
		r.tell("%v %v %d %v", row.Failed != nil, row.Kept != nil, row.Tries, row.Unproven())
	}
	r.refused("WritePlacements", hold, write(cluster.RolloutFailed, version))
}

func (r *tour) firings() {
	r.t.Helper()
	hold := r.take(cluster.RoleCron, "a")
	for n := range 300 { // enough to be pruned
		f := cluster.Firing{Key: "k", Due: time.Unix(int64(n), 0).UTC(), EventSource: "case", Component: "case", StartedAt: time.Unix(int64(n), 0).UTC()}
		r.tell("%v", r.call("ClaimFiring", hold, f))
		if n == 0 {
			r.tell("%v", r.call("ClaimFiring", hold, f))
			f.Status, f.Error = 200, "none"
			r.call("FinishFiring", f)
		}
	}
	if n := len(r.call("LastFirings", "case", 50)[0].([]cluster.Firing)); n != 50 {
		r.t.Fatalf("%d firings", n)
	}
}

func (r *tour) rest() {
	r.t.Helper()
	r.call("PutToken", cluster.Token{Name: "t", Hash: "h"})
	r.call("PutToken", cluster.Token{Name: "t", Hash: "i"})
	r.tell("%s", r.call("Tokens")[0].([]cluster.Token)[0].Hash)
	r.call("DeleteToken", "t")
	r.refused("DeleteToken", "t")
	r.call("Ping")
	now := r.call("Now")[0].(time.Time)
	r.tell("%v", now.Sub(time.Now()).Abs() < time.Minute)
	r.call("ClusterID")
	r.refused("Authority")
	for _, certificate := range []string{"first", "second"} {
		kept := r.call("KeepAuthority", cluster.Authority{Certificate: certificate, SealedKey: "🌊"})[0].(cluster.Authority)
		r.tell("%s %s", kept.Certificate, kept.SealedKey)
	}
	r.refused("ResealAuthority", cluster.Authority{Certificate: "second", SealedKey: "🌊"}, "resealed")
	r.call("ResealAuthority", cluster.Authority{Certificate: "first", SealedKey: "🌊"}, "resealed")
	r.tell("%s", r.call("Authority")[0].(cluster.Authority).SealedKey)
	r.call("CheckWritable")
	r.call("CheckSchema")
	r.tell("%v", r.call("SchemaVersion"))
	r.tell("%v", r.call("Move"))
}
