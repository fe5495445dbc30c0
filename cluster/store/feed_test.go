package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// The feed over the real database: what is applied is in the next snapshot.
func TestFeedOverTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), Options{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "x.db")})
		must(t, err)
		must(t, s.Migrate(t.Context(), "test"))
		f := cluster.NewFeed(s, cluster.FeedOptions{CopyPath: filepath.Join(t.TempDir(), "copy.json")})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.Run(ctx) }()
		<-f.Ready()
		for n := range 5 {
			result := apply1(t, s, projectOf("p", component("p", "p_c", fmt.Sprint("image:", n)), route("p", "p_r", "p_c", fmt.Sprint("host", n))))
			must(t, f.WaitFor(t.Context(), result.ChangeNumber))
			row, ok := f.Snapshot().Components.Get("p_c")
			match, found := f.Snapshot().Routes.Match(fmt.Sprint("host", n), "/")
			if !ok || row.Version != int64(n+1) || !found || match.Rule.EventSource != "p_r" {
				t.Fatalf("round %d: %+v, %v", n, row, found)
			}
			if _, old := f.Snapshot().Routes.Match(fmt.Sprint("host", n-1), "/"); old {
				t.Fatalf("round %d: the old route is still there", n)
			}
		}
		n, err := s.SetEventSourcesEnabled(t.Context(), []string{"p_r"}, false)
		must(t, err)
		<-time.After(1100 * time.Millisecond) // without a hint
		if _, found := f.Snapshot().Routes.Match("host4", "/"); found || f.Snapshot().Number != n {
			t.Fatal("a disabled route is still there")
		}
		cancel()
		<-done
		must(t, s.Close())
	})
}
