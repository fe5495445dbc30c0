package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
)

// onEachServer runs a test with a filled SQLite database and an empty server.
func onEachServer(t *testing.T, test func(t *testing.T, from, to *Store)) {
	onEachEmpty(t, func(t *testing.T, d database, to *Store) {
		if d.driver == "sqlite" {
			return // nobody moves to a file
		}
		from, _ := file(t, "maelstrom.db")
		fill(t, from)
		must(t, to.Migrate(t.Context(), "test"))
		test(t, from, to)
	})
}

// fill writes something into every table, and what databases tend to lose.
func fill(t *testing.T, s *Store) {
	t.Helper()
	_, err := s.ClusterID(t.Context())
	must(t, err)
	_, err = s.JoinNode(t.Context(), cluster.Node{ID: "n1", Name: "𝔫𝔬𝔡𝔢"})
	must(t, err)
	big := component("p", "p_big", strings.Repeat("image", 60_000))
	apply1(t, s, projectOf("p", component("p", "p_a", "Image"), component("p", "p_gone", "x"), big,
		route("p", "p_r", "p_a", "host"), cron("p", "p_j", "p_a", "* * * * *")))
	apply1(t, s, projectOf("p", component("p", "p_a", "grüße 🌪 \\ ' \" % ?"), big,
		route("p", "p_r", "p_a", "host"), cron("p", "p_j", "p_a", "* * * * *")))
	for _, name := range []string{"a", "A", "a ", "ä", "🌪", strings.Repeat("k", maxKey)} {
		must(t, s.PutToken(t.Context(), cluster.Token{Name: name, Hash: digest(name)}))
	}
	hold := take(t, s, cluster.RolePlacement, "n1")
	var writes []cluster.PlacementWrite
	for i := range 450 {
		writes = append(writes, cluster.PlacementWrite{Insert: &cluster.Placement{
			ID: fmt.Sprintf("pl%d", i), Component: "p_a", Slot: i, Node: "n1", Want: cluster.WantRun}})
	}
	writes = append(writes, cluster.PlacementWrite{Rollout: &cluster.RolloutWrite{Component: "p_big", Version: 1, State: cluster.RolloutProven}})
	_, err = s.WritePlacements(t.Context(), hold, writes)
	must(t, err)
	must(t, s.WriteInstances(t.Context(), "n1", 1, []cluster.Instance{{Placement: "pl0", Node: "n1", State: cluster.InstanceReady}}, nil))
	cronHold := take(t, s, cluster.RoleCron, "n1")
	_, err = s.ClaimFiring(t.Context(), cronHold, cluster.Firing{Key: "k", Due: time.Unix(1, 0), EventSource: "p_j", Component: "p_a"})
	must(t, err)
	_, err = s.BumpComponents(t.Context(), []string{"p_big"}, "anna")
	must(t, err)
	write(t, s, hold, cluster.PlacementWrite{Rollout: &cluster.RolloutWrite{Component: "p_big", Version: 2, State: cluster.RolloutFailed,
		Failure: &cluster.RolloutFailure{Reason: cluster.ReasonUnhealthy, Message: "grüße 🌪", Tries: 1}}})
	_, err = s.Reserve(t.Context(), hold, []cluster.Run{{ID: "r1", Kind: cluster.RunCommand, Component: "p_a", Version: 1, Node: "n1", MemoryMiB: 7}})
	must(t, err)
	_, err = s.KeepAuthority(t.Context(), cluster.Authority{Certificate: "-----BEGIN CERTIFICATE-----\n", SealedKey: "{}"})
	must(t, err)
	_, err = s.WriteAlerts(t.Context(), nil, []cluster.AlertWrite{{Alert: alertOf("n1", "grüße 🌪")}})
	must(t, err)
	must(t, s.WriteHabits(t.Context(), hold, map[string]*cluster.Habit{"p_a": aHabit(time.Unix(1, 0))}, nil))
	fillSources(t, s)
}

func fillSources(t *testing.T, s *Store) {
	t.Helper()
	fullSource(t, s, "git")
	fullSource(t, s, "gone")
	undeclare(t, s, "gone")
	w := cluster.StatusWrite{Put: []cluster.ProjectStatus{longStatus(1), longStatus(2)}}
	_, err := s.WriteSourceStatus(t.Context(), w)
	must(t, err)
	notifier(t, s, "chat")
	hold := take(t, s, cluster.RoleNotify, "n1")
	must(t, s.WriteNotifierState(t.Context(), hold, cluster.NotifierState{Name: "chat", Cursor: 1, Error: "grüße 🌪"}))
}

// content is everything in a database, but for what each has for itself.
func content(t *testing.T, s *Store, names []string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	must(t, s.read(t.Context(), func(tx *tx) error {
		for _, name := range names {
			err := tx.eachRow(t.Context(), name, func(columns []string, row []any) error {
				give(name, columns, row)
				all[name] = append(all[name], fmt.Sprintf("%q", row))
				return nil
			})
			if err != nil {
				return err
			}
			slices.Sort(all[name])
		}
		return nil
	}))
	return all
}

func tableNames(t *testing.T, s *Store) (names []string) {
	t.Helper()
	tables, err := s.Tables(t.Context())
	must(t, err)
	for _, table := range tables {
		if table.Rows == 0 {
			t.Errorf("%s is empty: the test copies nothing of it", table.Table)
		}
		names = append(names, table.Table)
	}
	return names
}

func moveTo(to *Store) Move {
	return Move{ID: "move-1", Driver: to.Dialect(), Node: "n1", Source: "/data/maelstrom.db", At: time.Unix(1, 0).UTC()}
}

func TestCopyHasEverything(t *testing.T) {
	onEachServer(t, func(t *testing.T, from, to *Store) {
		names := tableNames(t, from)
		var seen []string
		copied, err := from.CopyTo(t.Context(), to, CopyOptions{Move: moveTo(to), Progress: func(c CopiedTable) {
			seen = append(seen, c.Table)
		}})
		must(t, err)
		for _, table := range copied {
			if table.Copied != table.Rows || !slices.Contains(seen, table.Table) {
				t.Errorf("%+v", table)
			}
		}
		if diff := cmp.Diff(content(t, from, names), content(t, to, names)); diff != "" {
			t.Fatal(diff)
		}
		want, err := from.Changes(t.Context(), 0)
		must(t, err)
		got, err := to.Changes(t.Context(), 0)
		must(t, err)
		if got.Number != want.Number || len(got.Placements) != 450 || got.Components["p_a"].Spec.Image != want.Components["p_a"].Spec.Image {
			t.Errorf("number %d, want %d", got.Number, want.Number)
		}
		if big := got.Components["p_big"]; big.Failed == nil || big.Proven != 1 || !cmp.Equal(big, want.Components["p_big"]) {
			t.Errorf("failed roll-out %+v", big)
		}
		l, err := to.lease(t.Context(), cluster.RolePlacement)
		must(t, err)
		if l.Holder != "" || l.Fence != 1 {
			t.Errorf("a copied lease is %+v: it must be free, and its fence stay", l)
		}
		m, err := to.Move(t.Context())
		must(t, err)
		if m == nil || m.State != MoveArriving || m.ID != "move-1" || m.Node != "n1" || !m.At.Equal(time.Unix(1, 0)) {
			t.Errorf("mark %+v", m)
		}
	})
}

func TestMoveIsCompletedOnce(t *testing.T) {
	onEachServer(t, func(t *testing.T, from, to *Store) {
		move := moveTo(to)
		_, err := from.CopyTo(t.Context(), to, CopyOptions{Move: move})
		must(t, err)
		must(t, from.MarkLeft(t.Context(), move))
		hold := take(t, from, cluster.RolePlacement, "n1")
		_, err = from.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{{Insert: &cluster.Placement{ID: "late", Component: "p_a", Slot: 999, Node: "n1", Want: cluster.WantRun}}})
		must(t, err)

		other := move
		other.ID = "move-2"
		_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: other, Complete: true})
		wantError(t, err, ErrNotEmpty)

		copied, err := from.CopyTo(t.Context(), to, CopyOptions{Move: move, Complete: true})
		must(t, err)
		if len(copied) == 0 {
			t.Error("nothing was copied")
		}
		if m, err := to.Move(t.Context()); m != nil || err != nil {
			t.Errorf("mark %+v, %v after the move", m, err)
		}
		names := tableNames(t, from)
		if diff := cmp.Diff(content(t, from, names), content(t, to, names)); diff != "" {
			t.Fatal(diff)
		}
		if m, err := from.Move(t.Context()); err != nil || m == nil || m.State != MoveLeft {
			t.Errorf("the file is marked %+v, %v", m, err)
		}
		// Again, as after a commit in doubt: nothing is taken back.
		must(t, to.PutToken(t.Context(), cluster.Token{Name: "new", Hash: "h"}))
		_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: move, Complete: true})
		must(t, err)
		tokens, err := to.Tokens(t.Context())
		must(t, err)
		if !slices.ContainsFunc(tokens, func(k cluster.Token) bool { return k.Name == "new" }) {
			t.Error("a completed move was completed once more")
		}
	})
}

func TestCopyIsRedoneOverItsOwnAndNoOther(t *testing.T) {
	onEachServer(t, func(t *testing.T, from, to *Store) {
		id, err := from.ClusterID(t.Context())
		must(t, err)
		tables, err := from.Tables(t.Context())
		must(t, err)
		must(t, to.CheckTarget(t.Context(), id, tables))
		_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: moveTo(to)})
		must(t, err)

		apply1(t, from, projectOf("p", component("p", "p_a", "newer")))
		must(t, to.CheckTarget(t.Context(), id, tables))
		again := moveTo(to)
		again.ID = "move-2"
		_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: again})
		must(t, err)
		if got := all(t, to).Components["p_a"].Spec.Image; got != "newer" {
			t.Errorf("the copy has %s", got)
		}

		stranger, _ := file(t, "other.db")
		fill(t, stranger)
		_, err = stranger.CopyTo(t.Context(), to, CopyOptions{Move: moveTo(to)})
		wantError(t, err, ErrNotEmpty)
		wantError(t, to.CheckTarget(t.Context(), "other", tables), ErrNotEmpty)

		_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: again, Complete: true})
		must(t, err)
		_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: again})
		wantError(t, err, ErrNotEmpty)
		wantError(t, to.CheckTarget(t.Context(), id, tables), ErrNotEmpty)
	})
}

func TestCopyRefusesADatabaseInUse(t *testing.T) {
	onEachServer(t, func(t *testing.T, from, to *Store) {
		must(t, to.PutToken(t.Context(), cluster.Token{Name: "x", Hash: "h"}))
		_, err := from.CopyTo(t.Context(), to, CopyOptions{Move: moveTo(to)})
		wantError(t, err, ErrNotEmpty)
		tables, err := from.Tables(t.Context())
		must(t, err)
		wantError(t, to.CheckTarget(t.Context(), "any", tables), ErrNotEmpty)
		if n := len(all(t, to).Components); n != 0 {
			t.Errorf("%d components were copied", n)
		}
	})
}

func TestCopyThatBreaksOffLeavesNothing(t *testing.T) {
	onEachServer(t, func(t *testing.T, from, to *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := from.CopyTo(ctx, to, CopyOptions{Move: moveTo(to), Progress: func(c CopiedTable) {
			if c.Table == "mael_placement" {
				cancel()
			}
		}})
		if err == nil {
			t.Fatal("copied")
		}
		if n := len(all(t, to).Components); n != 0 {
			t.Errorf("%d components are there", n)
		}
		if m, err := to.Move(t.Context()); m != nil || err != nil {
			t.Errorf("mark %+v, %v", m, err)
		}
		_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: moveTo(to)})
		must(t, err)
	})
}

// The connection is lost at the moment of the commit, however it ended.
func TestCopyWithACommitInDoubt(t *testing.T) {
	for _, cut := range []storetest.Cut{storetest.CutBeforeCommit, storetest.CutAfterCommit} {
		server := postgres.get(t)
		name, err := server.NewDatabase(t.Context())
		must(t, err)
		proxy, err := storetest.NewProxy(server.Address)
		must(t, err)
		go proxy.Run()
		t.Cleanup(func() { proxy.Close() })
		from, _ := file(t, "maelstrom.db")
		fill(t, from)
		to := database{server.Driver, server.DSNAt(proxy.Address, name)}.open(t)
		must(t, to.Migrate(t.Context(), "test"))
		for _, complete := range []bool{false, true} {
			before := proxy.Cuts()
			proxy.CutNext(cut)
			_, err = from.CopyTo(t.Context(), to, CopyOptions{Move: moveTo(to), Complete: complete})
			must(t, err)
			if proxy.Cuts() != before+1 {
				t.Error("nothing was cut")
			}
		}
		names := tableNames(t, from)
		if diff := cmp.Diff(content(t, from, names), content(t, to, names)); diff != "" {
			t.Error(diff)
		}
		if m, err := to.Move(t.Context()); m != nil || err != nil {
			t.Errorf("mark %+v, %v", m, err)
		}
	}
}

func TestDigestSeesWhatDiffers(t *testing.T) {
	sum := func(rows ...[]any) (d digestSum) {
		for _, row := range rows {
			d.add(row)
		}
		return d
	}
	a, b := []any{"a", int64(1)}, []any{"b", int64(2)}
	if sum(a, b) != sum(b, a) {
		t.Error("the order of rows counts")
	}
	for name, other := range map[string]digestSum{
		"a row less": sum(a), "cut off": sum(a, []any{"", int64(2)}), "moved": sum(a, []any{"b2", int64(2)}),
		"swapped": sum([]any{"a", int64(2)}, []any{"b", int64(1)}), "joined": sum(a, []any{"", "b2"}),
	} {
		if other == sum(a, b) {
			t.Errorf("%s is not seen", name)
		}
	}
}

func TestUnmark(t *testing.T) {
	s, _ := file(t, "x.db")
	must(t, s.Unmark(t.Context()))
	must(t, s.MarkLeft(t.Context(), Move{ID: "m", Driver: "postgres"}))
	must(t, s.MarkLeft(t.Context(), Move{ID: "m2", Driver: "mysql"}))
	copied := filepath.Join(t.TempDir(), "backup.db")
	must(t, s.Backup(t.Context(), copied))
	if info, err := CheckFile(t.Context(), copied); err != nil || info.Move == nil || info.Move.Driver != "mysql" {
		t.Errorf("%+v, %v", info, err)
	}
	must(t, s.Unmark(t.Context()))
	if m, err := s.Move(t.Context()); m != nil || err != nil {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestCheckFile(t *testing.T) {
	s, path := file(t, "x.db")
	id, err := s.ClusterID(t.Context())
	must(t, err)
	dir := t.TempDir()
	good := filepath.Join(dir, "it's 100% good?.db")
	must(t, s.Backup(t.Context(), good))
	info, err := CheckFile(t.Context(), good)
	if err != nil || info.ClusterID != id || info.Schema == 0 || info.Move != nil {
		t.Fatalf("%+v, %v", info, err)
	}
	data, err := os.ReadFile(good)
	must(t, err)
	put := func(name string, data []byte) string {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		return filepath.Join(dir, name)
	}
	damaged := slices.Clone(data)
	copy(damaged[8192:], strings.Repeat("\xff", 9000))
	newer := filepath.Join(dir, "newer.db")
	must(t, s.Backup(t.Context(), newer))
	n := database{"sqlite", newer}.open(t)
	_, err = n.writer.Exec(`update mael_schema set version = 99, min_reader = 99`)
	must(t, err)
	must(t, n.Close())
	foreign := database{"sqlite", filepath.Join(dir, "foreign.db")}.open(t)
	_, err = foreign.writer.Exec(`create table x (y)`)
	must(t, err)
	must(t, foreign.Close())
	for name, bad := range map[string]string{
		"empty": put("empty", nil), "text": put("text", []byte("hello")), "cut off": put("cut", data[:len(data)/2]),
		"damaged": put("damaged", damaged), "newer": newer, "foreign": filepath.Join(dir, "foreign.db"), "directory": dir, "running": path,
	} {
		if _, err := CheckFile(t.Context(), bad); !errors.Is(err, ErrNoDatabase) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := CheckFile(t.Context(), filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if extra, err := filepath.Glob(filepath.Join(dir, "*-*")); len(extra) != 0 || err != nil {
		t.Errorf("the check left %v", extra)
	}
}

func TestExamine(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		if version, newest, err := s.SchemaVersion(t.Context()); err != nil || version != 0 || newest < 3 {
			t.Errorf("%d of %d, %v", version, newest, err)
		}
		if err := s.CheckWritable(t.Context()); err == nil {
			t.Error("a database without tables is writable")
		}
		must(t, s.Migrate(t.Context(), "test"))
		must(t, s.CheckWritable(t.Context()))
		if version, newest, err := s.SchemaVersion(t.Context()); err != nil || version != newest {
			t.Errorf("%d of %d, %v", version, newest, err)
		}
		if n := number(t, s); n != 0 {
			t.Errorf("the check made change %d", n)
		}
	})
}
