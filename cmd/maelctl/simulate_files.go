package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"maelstrom/cluster/simulate"
)

// pictureFormat is how a file is drawn, by its name.
func pictureFormat(file string) (func(*simulate.Result, io.Writer) error, error) {
	switch filepath.Ext(file) {
	case ".svg":
		return (*simulate.Result).WriteSVG, nil
	case ".html":
		return (*simulate.Result).WriteHTML, nil
	}
	if file != "" {
		return nil, usagef("--picture %s: name a file that ends in .svg or .html", file)
	}
	return nil, nil
}

// simulationFiles are what a simulation writes beside its answer. They are begun
// before it, so that what can't be written is told at once.
type simulationFiles struct {
	log, picture *wholeFile // nil: none is asked for
	lines        *bufio.Writer
	draw         func(*simulate.Result, io.Writer) error
}

// create begins the files that are asked for.
func (f *simulationFiles) create(opt simulateOptions) (err error) {
	if f.draw, err = pictureFormat(opt.picture); err != nil {
		return err
	}
	if opt.writeLog != "" && sameFile(opt.writeLog, opt.log) {
		return usagef("--write-log %s: it is what --log reads; name another file", opt.writeLog)
	}
	if f.log, err = createNamed(opt.writeLog); err == nil {
		f.picture, err = createNamed(opt.picture)
	}
	if err != nil {
		return errors.Join(err, f.drop())
	}
	if f.log != nil {
		f.lines = bufio.NewWriter(f.log)
	}
	return nil
}

func createNamed(name string) (*wholeFile, error) {
	if name == "" {
		return nil, nil
	}
	file, err := createWhole(name, 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s can't be written: there is no directory %s", name, filepath.Dir(name))
	} else if err != nil {
		err = fmt.Errorf("can't be written: %w", unreadable(name, err))
	}
	if err != nil {
		return nil, exitWith(exitInvalid, err)
	}
	return file, nil
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other) && one.Mode().IsRegular()
}

// request returns what writes the log, nil if none is asked for.
func (f *simulationFiles) request(start time.Time) func(simulate.Outcome) {
	if f.log == nil {
		return nil
	}
	return func(o simulate.Outcome) { _, _ = f.lines.Write(o.AccessLine(start)) } // the error stays, for Flush
}

// put puts the files into their places.
func (f *simulationFiles) put(result *simulate.Result) error {
	var errs []error
	if f.log != nil {
		errs = append(errs, f.lines.Flush(), f.log.put())
	}
	if f.picture != nil {
		b := bufio.NewWriter(f.picture)
		errs = append(errs, f.draw(result, b), b.Flush(), f.picture.put())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("can't be written: %w", err)
	}
	return nil
}

// drop ends them unwritten.
func (f *simulationFiles) drop() error {
	var errs []error
	for _, file := range []*wholeFile{f.log, f.picture} {
		if file != nil {
			errs = append(errs, file.drop())
		}
	}
	return errors.Join(errs...)
}
