package logring

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOutputOfContainersIsMergedByTime(t *testing.T) {
	r := ringOf(t, open(t, t.TempDir(), Options{Cap: 1 << 20}))
	a, b := writer(t, r, "a"), writer(t, r, "b")
	a.Append(out(1, "one"))
	b.Append(Record{Time: at(2), Stream: Stderr, Text: "two\x00\xff"})
	a.Append(out(3, "three"))
	b.Append(out(3, "three as well"))
	a.Append(out(5, "five"))
	expect(t, r, Query{}, "one", "two\x00\xff", "three", "three as well", "five")
	expect(t, r, Query{Since: at(2), Until: at(3)}, "two\x00\xff", "three", "three as well")
	expect(t, r, Query{Tail: 2}, "three as well", "five")
	expect(t, r, Query{Tail: 1, Each: true}, "three as well", "five")
	expect(t, r, Query{Tail: 9, Until: at(1)}, "one")
	expect(t, r, Query{Only: []string{"b"}}, "two\x00\xff", "three as well")
	expect(t, r, Query{Only: []string{}})
	got := readAll(t, r, Query{Only: []string{"b"}})[0]
	if want := (Entry{Record: Record{Time: at(2), Stream: Stderr, Text: "two\x00\xff"}, Source: Source{Container: "b", Instance: "p-b", Version: 1}}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	a.Close()
	a.Append(out(9, "after the end"))
	expect(t, r, Query{Since: at(4)}, "five")
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	r := ringOf(t, open(t, dir, Options{Cap: 1 << 20}))
	writer(t, r, "a").Append(out(1, "secret"))
	r.Flush()
	for path, want := range map[string]os.FileMode{dir: 0o700, r.dir: 0o700, newest(t, r.dir): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

func TestANewProcessReadsWhatWasKept(t *testing.T) {
	dir := t.TempDir()
	r := ringOf(t, open(t, dir, Options{Cap: 1 << 20}))
	w := writer(t, r, "a")
	w.Append(out(1, "one"))
	w.Append(out(2, "two"))
	r.Flush()
	truncate(t, newest(t, r.dir), 1)
	if err := os.WriteFile(filepath.Join(r.dir, segmentName(77)), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "note.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, Options{Cap: 1 << 20})
	r = ringOf(t, s)
	expect(t, r, Query{}, "one")
	writer(t, r, "a").Append(out(3, "three"))
	expect(t, r, Query{}, "one", "three")
	if names, err := s.Names(); err != nil || len(names) != 1 || names[0] != "shop_web" {
		t.Errorf("names = %v, %v", names, err)
	}
	if !strings.HasSuffix(newest(t, r.dir), segmentName(78)) {
		t.Errorf("the newest segment is %s", newest(t, r.dir))
	}
}

// Output without end leaves the ring at its cap, and the newest in it.
func TestTheCapIsNeverExceeded(t *testing.T) {
	const most, total = 1 << 20, 64 << 20
	r := ringOf(t, open(t, t.TempDir(), Options{Cap: most}))
	a, b := writer(t, r, "a"), writer(t, r, "b")
	line := strings.Repeat("x", 1000)
	for i := range total / len(line) {
		w := a
		if i%3 == 0 {
			w = b
		}
		w.Append(out(i, line))
		if i%256 == 0 {
			r.mu.Lock() // while nothing moves
			size := sizeOf(t, r.dir)
			r.mu.Unlock()
			if size > most {
				t.Fatalf("%d bytes on disk after %d lines", size, i)
			}
		}
	}
	r.Flush()
	used, err := r.Used()
	if size := sizeOf(t, r.dir); err != nil || size != used || size > most || size < most*3/4 {
		t.Errorf("%d bytes on disk, %d by its own count, %v", size, used, err)
	}
	all := readAll(t, r, Query{})
	last := all[len(all)-1]
	if want := at(total/len(line) - 1); !last.Time.Equal(want) || len(all) < most*5/8/len(line) {
		t.Errorf("%d lines, the last of %s, want %s", len(all), last.Time, want)
	}
}

func TestASmallerCapCounts(t *testing.T) {
	dir := t.TempDir()
	r := ringOf(t, open(t, dir, Options{Cap: 1 << 20}))
	w := writer(t, r, "a")
	for i := range 5000 {
		w.Append(out(i, strings.Repeat("x", 200)))
	}
	w.Close()
	r = ringOf(t, open(t, dir, Options{Cap: 256 << 10}))
	if used, err := r.Used(); err != nil || used > 256<<10 || sizeOf(t, dir) != used {
		t.Errorf("used %d, %v; on disk %d", used, err, sizeOf(t, dir))
	}
	if _, err := Open(dir, Options{Cap: 1}); err == nil {
		t.Error("a cap of one byte was taken")
	}
}

func TestOldOutputExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		day := 24 * time.Hour
		s := open(t, t.TempDir(), Options{Cap: 1 << 20, Age: 7 * day})
		r := ringOf(t, s)
		w := writer(t, r, "a")
		for range 10 {
			w.Append(Record{Time: time.Now(), Stream: Stdout, Text: "line"})
			<-time.After(day)
		}
		if n := len(readAll(t, r, Query{})); n != 7 {
			t.Errorf("%d lines of 10 days are shown, want those of the last 7", n)
		}
		w.Close()
		<-time.After(8 * day)
		if n := len(readAll(t, r, Query{})); n != 0 {
			t.Errorf("%d lines are shown 8 days later", n)
		}
	})
}

func TestSweepRemovesWhatNobodyWritesTo(t *testing.T) {
	dir := t.TempDir()
	opt := Options{Cap: 1 << 20, Age: time.Hour * 24}
	r := ringOf(t, open(t, dir, opt))
	w := writer(t, r, "a")
	w.Append(out(1, "one"))
	w.Close()
	old := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(newest(t, r.dir), old, old); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir, opt)
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if names, err := s.Names(); err != nil || len(names) != 0 {
		t.Errorf("left: %v, %v", names, err)
	}
	writer(t, ringOf(t, s), "b").Append(out(2, "two"))
	expect(t, ringOf(t, s), Query{}, "two")
}

func TestWhatCouldNotBeWrittenIsTold(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	r := ringOf(t, open(t, dir, Options{Cap: 1 << 20, Logger: slog.New(slog.NewTextHandler(&log, nil))}))
	w := writer(t, r, "a")
	if err := os.WriteFile(r.dir, nil, 0o600); err != nil { // where the directory should be
		t.Fatal(err)
	}
	for i := range 3 {
		w.Append(out(i, "lost"))
		r.Flush()
	}
	if err := os.Remove(r.dir); err != nil {
		t.Fatal(err)
	}
	w.Append(out(5, "kept"))
	r.Flush()
	got := readAll(t, r, Query{})
	if len(got) != 2 || got[0].Text != "kept" || got[1].Stream != Notice || !strings.HasPrefix(got[1].Text, "3 lines were not kept: ") {
		t.Errorf("kept: %+v", got)
	}
	if n := strings.Count(log.String(), "container output not kept"); n != 1 {
		t.Errorf("told %d times: %s", n, &log)
	}
}

func TestRingNames(t *testing.T) {
	s := open(t, t.TempDir(), Options{Cap: 1 << 20})
	for _, name := range []string{"", "..", ".x", "a/b", "a b", "../x", strings.Repeat("x", 201)} {
		if _, err := s.Ring(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}
