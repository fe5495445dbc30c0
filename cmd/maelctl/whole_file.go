package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// wholeFile is a file that is written beside the one whose place it takes once
// it is complete. Where that is no regular file, such as a pipe, it is written
// to as it comes.
type wholeFile struct {
	*os.File
	place string // empty: it is there already
}

// createWhole begins a file at path, following links. Another one there stays as
// it is until put.
func createWhole(path string, mode fs.FileMode) (*wholeFile, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		real, err = path, nil
	}
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(real); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(real, os.O_WRONLY, 0)
		return &wholeFile{File: file}, err
	}
	file, err := os.CreateTemp(filepath.Dir(real), "."+filepath.Base(real)+".*") // 0600
	if err != nil {
		return nil, err
	}
	w := &wholeFile{File: file, place: real}
	if err := file.Chmod(mode); err != nil {
		return nil, errors.Join(err, w.drop())
	}
	return w, nil
}

// put puts the file into its place.
func (w *wholeFile) put() error {
	if w.place == "" {
		return w.Close()
	}
	err := errors.Join(w.Sync(), w.Close())
	if err == nil {
		err = os.Rename(w.Name(), w.place)
	}
	if err != nil {
		return errors.Join(err, os.Remove(w.Name()))
	}
	return nil
}

// drop ends a file that will not be complete.
func (w *wholeFile) drop() error {
	if w.place == "" {
		return w.Close()
	}
	return errors.Join(w.Close(), os.Remove(w.Name()))
}

// writeWhole writes a file whole or not at all.
func writeWhole(path string, data []byte, mode fs.FileMode) error {
	file, err := createWhole(path, mode)
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return errors.Join(err, file.drop())
	}
	return file.put()
}
