package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"maelstrom/cluster/store"
)

// replaceDatabase puts a copy of file where done.Path says. Whatever breaks it
// off, a whole database stands there.
func replaceDatabase(ctx context.Context, file string, done *restored) (err error) {
	dir := filepath.Dir(done.Path)
	fresh, err := copyPrivately(ctx, file, dir)
	if err != nil {
		return fmt.Errorf("copy %s: %w", file, err)
	}
	defer os.Remove(fresh) // of no effect once it is renamed
	if _, err := store.CheckFile(ctx, fresh); err != nil {
		return fmt.Errorf("what was copied: %w", invalidFile(err))
	}
	info, err := os.Stat(fresh)
	if err != nil {
		return err
	}
	done.SizeBytes = info.Size()
	if done.Kept, err = keepDatabase(done.Path, time.Now()); err != nil {
		return fmt.Errorf("keep the database that is there: %w", err)
	}
	// What a log holds would be written into the new file. It is kept with the
	// database that it belongs to.
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(done.Path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(fresh, done.Path); err != nil {
		return err
	}
	// It is a copy of the database that was there.
	if err := os.Remove(filepath.Join(dir, "snapshot.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDirectory(dir)
}

// copyPrivately copies a file into a directory, for the directory's owner
// alone, and returns when it is on the disk.
func copyPrivately(ctx context.Context, file, dir string) (path string, err error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.CreateTemp(dir, ".restore-*") // 0600
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, readerOf(ctx, in))
	err = errors.Join(err, ownAs(out, dir), out.Sync(), out.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(out.Name()))
	}
	return out.Name(), nil
}

// ownAs gives a file to the owner of a directory: root restores for a daemon
// that runs as somebody else.
func ownAs(file *os.File, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || os.Geteuid() != 0 {
		return nil
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}

// keepDatabase gives the database and its log a second name each. It returns
// nil if there is none.
func keepDatabase(path string, at time.Time) (*string, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	kept := path + ".before-restore-" + at.UTC().Format("20060102T150405.000Z")
	if err := os.Link(path, kept); err != nil {
		return nil, err
	}
	// The log is found by its name: it must stand beside its database.
	if err := os.Link(path+"-wal", kept+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &kept, syncDirectory(filepath.Dir(path))
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readerOf reads until ctx ends.
func readerOf(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
