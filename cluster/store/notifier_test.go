package store

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func notifier(t *testing.T, s *Store, name string) *cluster.NotifierRow {
	t.Helper()
	secret := "hush"
	row, err := s.PutNotifier(t.Context(), cluster.NotifierWrite{Secret: &secret, Origin: "file", Actor: "anna",
		Spec: &cluster.Notifier{Name: name, Webhook: "https://chat.example/", Kinds: []cluster.EventKind{cluster.EventFailed}}})
	must(t, err)
	return row
}

func TestNotifierIsKeptWithoutShowingItsSecret(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		row := notifier(t, s, "chat")
		cs := all(t, s)
		if diff := cmp.Diff(row, cs.Notifiers["chat"]); diff != "" || !row.HasSecret || row.Origin != "file" {
			t.Fatalf("%+v\n%s", row, diff)
		}
		if data, err := json.Marshal(cs); err != nil || strings.Contains(string(data), "hush") {
			t.Fatalf("a secret is in what every node reads: %v", err)
		}
		if secret, err := s.NotifierSecret(t.Context(), "chat"); err != nil || secret != "hush" {
			t.Fatalf("secret %q, %v", secret, err)
		}
		_, err := s.NotifierSecret(t.Context(), "other")
		wantError(t, err, cluster.ErrNotFound)
	})
}

func TestNotifierIsChangedByVersion(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		first := notifier(t, s, "chat")
		spec := &cluster.Notifier{Name: "chat", Commit: &cluster.CommitStatus{Provider: "gitea"}}
		for _, version := range []int64{0, first.Version + 1} {
			_, err := s.PutNotifier(t.Context(), cluster.NotifierWrite{Spec: spec, Version: version})
			wantError(t, err, cluster.ErrConflict)
		}
		second, err := s.PutNotifier(t.Context(), cluster.NotifierWrite{Spec: spec, Version: first.Version, Origin: "file"})
		must(t, err)
		if secret, err := s.NotifierSecret(t.Context(), "chat"); err != nil || secret != "hush" || second.CreatedAt != first.CreatedAt {
			t.Fatalf("secret %q, %v; %+v", secret, err, second)
		}
		before := number(t, s)
		if same, err := s.PutNotifier(t.Context(), cluster.NotifierWrite{Spec: spec, Version: second.Version, Origin: "file"}); err != nil || same.Version != second.Version || number(t, s) != before {
			t.Fatalf("written over itself: %+v, %v", same, err)
		}
		none := ""
		third, err := s.PutNotifier(t.Context(), cluster.NotifierWrite{Spec: spec, Secret: &none, Version: second.Version, Origin: "file"})
		must(t, err)
		if third.HasSecret || all(t, s).Notifiers["chat"].HasSecret {
			t.Fatal("the secret is still there")
		}
		wantError(t, s.DeleteNotifier(t.Context(), cluster.Deletion{Name: "chat", Version: first.Version, Actor: "anna"}), cluster.ErrConflict)
		hold := take(t, s, cluster.RoleNotify, "a")
		must(t, s.WriteNotifierState(t.Context(), hold, cluster.NotifierState{Name: "chat", Cursor: 1}))
		must(t, s.DeleteNotifier(t.Context(), cluster.Deletion{Name: "chat", Version: third.Version, Actor: "anna"}))
		wantError(t, s.DeleteNotifier(t.Context(), cluster.Deletion{Name: "chat", Actor: "anna"}), cluster.ErrNotFound)
		states, err := s.NotifierStates(t.Context())
		must(t, err)
		if len(states) != 0 || len(all(t, s).Notifiers) != 0 {
			t.Fatalf("left: %+v", states)
		}
		want := []string{"notifier_changed notifier chat declared", "notifier_changed notifier chat changed",
			"notifier_changed notifier chat changed", "notifier_changed notifier chat removed"}
		if diff := cmp.Diff(want, events(t, s, cluster.EventQuery{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestNotifierStateIsNoChange(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		notifier(t, s, "b")
		notifier(t, s, "a")
		hold := take(t, s, cluster.RoleNotify, "n1")
		before := number(t, s)
		want := []cluster.NotifierState{
			{Name: "a", Cursor: 1 << 53, Failed: 2, Error: strings.Repeat("no answer 🌪 ", 100), SentAt: time.Unix(5, 0).UTC()},
			{Name: "b", Cursor: 7},
		}
		must(t, s.WriteNotifierState(t.Context(), hold, cluster.NotifierState{Name: "a", Cursor: 3}))
		for i := range want {
			must(t, s.WriteNotifierState(t.Context(), hold, want[i]))
		}
		got, err := s.NotifierStates(t.Context())
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if number(t, s) != before {
			t.Error("every node reads anew what none of them shows")
		}
		wantError(t, s.WriteNotifierState(t.Context(), hold, cluster.NotifierState{Name: "gone"}), cluster.ErrNotFound)
	})
}
