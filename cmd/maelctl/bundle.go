package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/reconcile"
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
	f.registerFile(cmd)
	cmd.Flags().BoolVar(&f.allowUnset, "allow-unset", false, "an unset variable is empty, with a warning, instead of an error")
}

// registerFile registers what every verb has that reads a project.
func (f *fileFlags) registerFile(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "project file, - for standard input (default: maelstrom.yml or maelstrom.yaml here)")
	flags.StringArrayVar(&f.env, "env", nil, "dotenv file whose variables count before the shell's (repeatable)")
	flags.StringVar(&f.overlay, "overlay", "", "merge maelstrom.NAME.yml beside the file")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("file", completeFiles))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("env", completeFiles))
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
		path = defaultFile()
	}
	variables, err := a.variables(f.env)
	if err != nil {
		return nil, err
	}
	b, err := openBundle(disk{a.stdin}, path, f, variables)
	if err != nil {
		return nil, exitWith(exitInvalid, err)
	}
	return b, nil
}

// openBundle reads one project file and its overlay; envfiles are read while
// the project is loaded.
func openBundle(from disk, path string, f fileFlags, variables lookup) (*bundle, error) {
	path = filepath.Clean(path)
	data, err := from.readFile(path)
	var missing *fileError
	if errors.Is(err, fs.ErrNotExist) && errors.As(err, &missing) {
		missing.hint = "name one with -f, or write one with `maelctl project init`"
	}
	if err != nil {
		return nil, err
	}
	in := project.Input{File: path, Data: data, AllowUnset: f.allowUnset, Lookup: variables}
	if f.overlay != "" {
		if in.OverlayFile, err = overlayPath(path, f.overlay); err != nil {
			return nil, err
		}
		if in.OverlayData, err = from.readFile(in.OverlayFile); err != nil {
			return nil, err
		}
	}
	dirs := []string{filepath.Dir(path)}
	if f.workingDir {
		dirs = append(dirs, ".")
	}
	in.ReadFile = func(name string) (project.File, error) { return readBeside(from, name, dirs) }
	return newBundle(in), nil
}

// newBundle remembers what a load of in asks for.
func newBundle(in project.Input) *bundle {
	b := &bundle{in: in, variables: map[string]string{}, envfiles: map[string]project.File{}}
	b.in.Lookup = func(name string) (string, bool) {
		value, ok := in.Lookup(name)
		if ok {
			b.variables[name] = value
		}
		return value, ok
	}
	b.in.ReadFile = func(name string) (project.File, error) {
		file, err := in.ReadFile(name)
		if err == nil {
			b.envfiles[name] = file
		}
		return file, err
	}
	return b
}

// lookup answers what a variable is.
type lookup = func(name string) (value string, ok bool)

// readBeside reads a file from the first of dirs that has it.
func readBeside(from disk, name string, dirs []string) (project.File, error) {
	if filepath.IsAbs(name) {
		data, err := from.readFile(name)
		return project.File{Path: name, Data: data}, err
	}
	beside := filepath.Join(dirs[0], name)
	var missing error
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		data, err := from.readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			missing = cmp.Or(missing, err)
			continue
		}
		file := project.File{Path: path, Data: data}
		if path != beside {
			file.Warning = fmt.Sprintf("%s was read from the working directory, there is no %s", path, beside)
		}
		return file, err
	}
	return project.File{}, missing
}

// defaultFile is the project file of the working directory.
func defaultFile() string {
	const first, second = "maelstrom.yml", "maelstrom.yaml"
	if _, err := os.Stat(first); err != nil {
		if _, err := os.Stat(second); err == nil {
			return second
		}
	}
	return first
}

// checkOverlay refuses what is no name: an overlay lies beside its base.
func (f *fileFlags) checkOverlay() error {
	if f.overlay != "" && (f.overlay != filepath.Base(f.overlay) || strings.HasPrefix(f.overlay, ".")) {
		return usagef("--overlay %q is not a name", f.overlay)
	}
	return nil
}

// overlayPath is the file beside base that an overlay's name stands for.
func overlayPath(base, overlay string) (string, error) {
	paths := reconcile.Overlays(base, overlay)
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", &fileError{file: paths[0], message: "no such file", hint: fmt.Sprintf("--overlay %s needs it beside %s", overlay, base)}
}

// variables answers by dotenv files, then by the environment.
func (a *app) variables(paths []string) (lookup, error) {
	values := map[string]string{}
	for _, path := range paths {
		data, err := disk{a.stdin}.readFile(path)
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
	return func(name string) (string, bool) {
		if value, ok := values[name]; ok {
			return value, true
		}
		return a.lookupEnv(name)
	}, nil
}

// files is the bundle as a daemon wants it.
func (b *bundle) files() rpc.ProjectFiles {
	files := rpc.ProjectFiles{
		Base:       rpc.SourceFile{Path: b.in.File, Data: b.in.Data},
		EnvFiles:   map[string]rpc.SourceFile{},
		Variables:  b.variables,
		AllowUnset: b.in.AllowUnset,
	}
	if b.in.OverlayFile != "" {
		files.Overlay = &rpc.SourceFile{Path: b.in.OverlayFile, Data: b.in.OverlayData}
	}
	for name, file := range b.envfiles {
		files.EnvFiles[name] = rpc.SourceFile{Path: file.Path, Data: file.Data, Warning: file.Warning}
	}
	return files
}
