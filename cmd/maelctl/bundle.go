package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/project"
)

// fileFlags name the file of one project and what is read with it.
type fileFlags struct {
	file       string
	overlay    string
	env        []string
	allowUnset bool

	// workingDir also looks for an envfile in the working directory, as
	// `project put` always did.
	workingDir bool
}

func (f *fileFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "project file (default: maelstrom.yml or maelstrom.yaml here)")
	f.registerValues(cmd)
}

// registerValues registers what a verb needs that takes its files as arguments.
func (f *fileFlags) registerValues(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.env, "env", nil, "dotenv file whose variables count before the shell's (repeatable)")
	flags.StringVar(&f.overlay, "overlay", "", "merge maelstrom.NAME.yml beside the file")
	flags.BoolVar(&f.allowUnset, "allow-unset", false, "an unset variable is empty, with a warning, instead of an error")
	cobra.CheckErr(cmd.MarkFlagFilename("env"))
	if flags.Lookup("file") != nil {
		cobra.CheckErr(cmd.MarkFlagFilename("file", "yml", "yaml"))
	}
}

// bundle is one project file and all that loading it read: what a daemon
// needs to come to the same result.
type bundle struct {
	in project.Input

	variables map[string]string       // the variables that the file refers to
	envfiles  map[string]project.File // by the path as written
}

// open reads the files that f names.
func (a *app) open(f fileFlags) (*bundle, error) {
	path := f.file
	if path == "" {
		found, err := defaultFile()
		if err != nil {
			return nil, err
		}
		path = found
	}
	return a.openFile(f, path)
}

func (a *app) openFile(f fileFlags, path string) (*bundle, error) {
	b := &bundle{variables: map[string]string{}, envfiles: map[string]project.File{}}
	data, err := readInput(path, a)
	if err != nil {
		return nil, err
	}
	b.in = project.Input{File: path, Data: data, AllowUnset: f.allowUnset}
	if f.overlay != "" {
		if b.in.OverlayFile, err = overlayPath(path, f.overlay); err != nil {
			return nil, err
		}
		if b.in.OverlayData, err = readInput(b.in.OverlayFile, a); err != nil {
			return nil, err
		}
	}
	overrides, err := readEnvFiles(f.env)
	if err != nil {
		return nil, err
	}
	b.in.Lookup = b.recordLookup(func(name string) (string, bool) {
		if value, ok := overrides[name]; ok {
			return value, true
		}
		return a.lookupEnv(name)
	})
	dirs := []string{filepath.Dir(path)}
	if f.workingDir {
		dirs = append(dirs, ".")
	}
	b.in.ReadFile = b.recordFiles(dirs)
	return b, nil
}

func (b *bundle) recordLookup(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := lookup(name)
		if ok {
			b.variables[name] = value
		}
		return value, ok
	}
}

// recordFiles reads an envfile from the first of dirs that has it.
func (b *bundle) recordFiles(dirs []string) func(string) (project.File, error) {
	return func(name string) (project.File, error) {
		file, err := readBeside(name, dirs)
		if err == nil {
			b.envfiles[name] = file
		}
		return file, err
	}
}

func readBeside(name string, dirs []string) (project.File, error) {
	if filepath.IsAbs(name) {
		dirs = []string{""}
	}
	beside := filepath.Join(dirs[0], name)
	for i, dir := range dirs {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return project.File{}, err
		}
		file := project.File{Path: path, Data: data}
		if i > 0 && path != beside {
			file.Warning = fmt.Sprintf("%s was read from the working directory, there is no %s: move it beside the project file", path, beside)
		}
		return file, nil
	}
	return project.File{}, fmt.Errorf("%s: no such file", beside)
}

func readInput(path string, a *app) ([]byte, error) {
	data, err := readFileOrStdin(path, a)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exitWith(exitInvalid, fmt.Errorf("%s: no such file: name one with -f, or write one with `maelctl project init`", path))
	}
	if err != nil {
		return nil, exitWith(exitInvalid, err)
	}
	return data, nil
}

// defaultFile is the project file of the working directory.
func defaultFile() (string, error) {
	for _, name := range []string{"maelstrom.yml", "maelstrom.yaml"} {
		if _, err := os.Stat(name); err == nil {
			return name, nil
		}
	}
	return "", exitWith(exitInvalid, errors.New("no maelstrom.yml here: name a file with -f, or write one with `maelctl project init`"))
}

// overlayPath is the file beside base that an overlay's name stands for.
func overlayPath(base, overlay string) (string, error) {
	if overlay != filepath.Base(overlay) || strings.HasPrefix(overlay, ".") {
		return "", usagef("--overlay %q is not a name", overlay)
	}
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	var paths []string
	for _, ext := range []string{filepath.Ext(base), ".yml", ".yaml"} {
		path := stem + "." + overlay + ext
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		paths = append(paths, path)
	}
	return "", exitWith(exitInvalid, fmt.Errorf("%s: no such file: --overlay %s needs it beside %s", paths[0], overlay, base))
}

// readEnvFiles reads dotenv files; a later one counts before an earlier one.
func readEnvFiles(paths []string) (map[string]string, error) {
	values := map[string]string{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, exitWith(exitInvalid, fmt.Errorf("read --env: %w", err))
		}
		vars, err := project.ParseEnv(data)
		if err != nil {
			return nil, exitWith(exitInvalid, fmt.Errorf("read --env %s: %w", path, err))
		}
		for _, v := range vars {
			values[v.Name] = v.Value
		}
	}
	return values, nil
}

// readFileOrStdin reads a file; "-" is standard input.
func readFileOrStdin(path string, a *app) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(a.stdin)
	}
	return os.ReadFile(path)
}
