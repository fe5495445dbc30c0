package logring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// followed reads a reader until ctx ends and keeps what came.
func followed(ctx context.Context, t *testing.T, d *Reader) (seen func() string) {
	var mu sync.Mutex
	var all []string
	go func() {
		defer d.Close()
		for {
			e, err := d.Next()
			if errors.Is(err, io.EOF) {
				if d.Wait(ctx) != nil {
					return
				}
				continue
			}
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			all = append(all, e.Text)
			mu.Unlock()
		}
	}()
	return func() string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprint(all)
	}
}

func TestFollowShowsWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := open(t, t.TempDir(), Options{Cap: 1 << 20})
		r := ringOf(t, s)
		old, a := writer(t, r, "old"), writer(t, r, "a")
		old.Append(out(1, "of another"))
		a.Append(out(2, "one"))
		reader, err := r.Read(Query{Only: []string{"a"}})
		if err != nil {
			t.Fatal(err)
		}
		seen := followed(ctx, t, reader)
		expectSeen := func(want string) {
			t.Helper()
			if got := seen(); got != want {
				t.Errorf("seen %s, want %s", got, want)
			}
		}
		expectSeen("[one]")
		a.Append(out(3, "two"))
		expectSeen("[one]") // it is not written out yet
		pass(flushAfter)
		expectSeen("[one two]")
		a.Close()
		old.Append(out(4, "of another"))
		b := writer(t, r, "b") // a later container
		b.Append(out(5, "three"))
		pass(flushAfter)
		expectSeen("[one two three]")
		again := writer(t, r, "a")
		again.Append(out(6, "four"))
		b.Append(out(7, "five"))
		s.Flush()
		expectSeen("[one two three four five]")
		cancel()
		synctest.Wait()
	})
}

// A reader that is slower than those who write goes on with what is left.
func TestASlowReaderMissesWhatIsDropped(t *testing.T) {
	r := ringOf(t, open(t, t.TempDir(), Options{Cap: 64 << 10}))
	w := writer(t, r, "a")
	w.Append(out(0, "first"))
	reader, err := r.Read(Query{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if e, err := reader.Next(); err != nil || e.Text != "first" {
		t.Fatal(e, err)
	}
	const lines = 10_000
	for i := range lines {
		w.Append(out(i, strings.Repeat("x", 100)))
	}
	r.Flush()
	if err := reader.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, last := 0, Entry{}
	for e, err := reader.Next(); err == nil; e, err = reader.Next() {
		n, last = n+1, e
	}
	if n == 0 || n > lines/2 || !last.Time.Equal(at(lines-1)) {
		t.Errorf("%d lines came, the last of %s", n, last.Time)
	}
}

func TestRunWritesOutAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), Options{Cap: 1 << 20})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		r := ringOf(t, s)
		writer(t, r, "a").Append(out(1, "one"))
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if size := sizeOf(t, r.dir); size == 0 {
			t.Error("nothing is on disk")
		}
	})
}
