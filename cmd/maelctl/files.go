package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"maelstrom/project"
)

// maxRead is how much of one file is read; far less is a valid project.
const maxRead = 64 << 20

// disk reads any file that this process can read; - is standard input.
type disk struct{ stdin io.Reader }

func (d disk) readFile(path string) ([]byte, error) {
	if path == "-" {
		return readLimited(path, d.stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer file.Close()
	return readAll(path, file)
}

// readAll reads a file to its end, if it has one within reason.
func readAll(path string, file *os.File) ([]byte, error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, unreadable(path, err)
	case info.IsDir():
		return nil, &fileError{file: path, message: "a directory", hint: "name a file, or search the directory with `maelctl project validate -r`"}
	}
	return readLimited(path, file)
}

func readLimited(path string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxRead+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(data) > maxRead {
		return nil, &fileError{file: path, message: fmt.Sprintf("larger than %d MiB", maxRead>>20), hint: "is it a project file?"}
	}
	return data, nil
}

// fileError is a file that can't be read, and what to do about it.
type fileError struct {
	file, message, hint string
	cause               error
}

func (e *fileError) Unwrap() error { return e.cause }

func (e *fileError) Error() string {
	text := e.file + ": " + e.message
	if e.hint != "" {
		text += ": " + e.hint
	}
	return text
}

func (e *fileError) problem() project.Problem { return project.Unreadable(e.file, e.message, e.hint) }

// asFileError is err as a fileError; what is none is about path.
func asFileError(path string, err error) *fileError {
	var known *fileError
	if errors.As(err, &known) {
		return known
	}
	return &fileError{file: path, message: err.Error(), cause: err}
}

func unreadable(path string, err error) error {
	e := &fileError{file: path, cause: err}
	var known *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.message = "no such file"
	case errors.As(err, &known): // the path is told already
		e.message = known.Err.Error()
	default:
		e.message = err.Error()
	}
	return e
}
