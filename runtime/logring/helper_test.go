package logring

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// epoch is a time within any age that tests use.
var epoch = time.Now().Truncate(time.Second).Add(-time.Hour).UTC()

// at is a number of milliseconds after epoch.
func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func out(ms int, text string) Record { return Record{Time: at(ms), Stream: Stdout, Text: text} }

type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func open(t failer, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ringOf(t failer, s *Store) *Ring {
	t.Helper()
	r, err := s.Ring("shop_web")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func writer(t failer, r *Ring, container string) *Writer {
	t.Helper()
	w, err := r.Writer(Source{Container: container, Instance: "p-" + container, Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// readAll reads what a query finds now.
func readAll(t failer, r *Ring, q Query) []Entry {
	t.Helper()
	reader, err := r.Read(q)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var all []Entry
	for {
		e, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
}

func texts(entries []Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Text)
	}
	return fmt.Sprint(all)
}

// expect checks the texts that a query finds.
func expect(t *testing.T, r *Ring, q Query, want ...string) {
	t.Helper()
	if got := texts(readAll(t, r, q)); got != fmt.Sprint(want) {
		t.Errorf("%+v finds %s, want %s", q, got, want)
	}
}

// sizeOf is what the files below a directory hold.
func sizeOf(t failer, dir string) int64 {
	t.Helper()
	total := int64(0)
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		total += onDisk(info.Size())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

// newest is the file that was made last.
func newest(t failer, dir string) string {
	t.Helper()
	files, err := segmentFiles(dir)
	if err != nil || len(files) == 0 {
		t.Fatal("no segment", err)
	}
	return filepath.Join(dir, segmentName(files[len(files)-1]))
}

func truncate(t failer, path string, by int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()-by)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
