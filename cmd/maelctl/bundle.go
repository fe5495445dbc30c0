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
func openBundle(from files, path string, f fileFlags, variables lookup) (*bundle, error) {
	path = filepath.Clean(path)
	b := &bundle{variables: map[string]string{}, envfiles: map[string]project.File{}}
	data, err := from.readFile(path)
	var missing *fileError
	if errors.Is(err, fs.ErrNotExist) && errors.As(err, &missing) {
		missing.hint = "name one with -f, or write one with `maelctl project init`"
	}
	if err != nil {
		return nil, err
	}
	b.in = project.Input{File: path, Data: data, AllowUnset: f.allowUnset, Lookup: b.recordLookup(variables)}
	if f.overlay != "" {
		if b.in.OverlayFile, err = overlayPath(from, path, f.overlay); err != nil {
			return nil, err
		}
		if b.in.OverlayData, err = from.readFile(b.in.OverlayFile); err != nil {
			return nil, err
		}
	}
	dirs := []string{filepath.Dir(path)}
	if f.workingDir {
		dirs = append(dirs, ".")
	}
	b.in.ReadFile = b.recordFiles(from, dirs)
	return b, nil
}

// lookup answers what a variable is.
type lookup = func(name string) (value string, ok bool)

func (b *bundle) recordLookup(variables lookup) lookup {
	return func(name string) (string, bool) {
		value, ok := variables(name)
		if ok {
			b.variables[name] = value
		}
		return value, ok
	}
}

// recordFiles reads an envfile from the first of dirs that has it.
func (b *bundle) recordFiles(from files, dirs []string) func(string) (project.File, error) {
	return func(name string) (project.File, error) {
		file, err := readBeside(from, name, dirs)
		if err == nil {
			b.envfiles[name] = file
		}
		return file, err
	}
}

func readBeside(from files, name string, dirs []string) (project.File, error) {
	if filepath.IsAbs(name) {
		data, err := from.readAbsolute(name)
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

// overlayPath is the file beside base that an overlay's name stands for: for
// shop.yml shop.NAME.yml, else maelstrom.NAME.yml.
func overlayPath(from files, base, overlay string) (string, error) {
	dir, name := filepath.Split(base)
	ext := filepath.Ext(name)
	var paths []string
	for _, stem := range []string{strings.TrimSuffix(name, ext), "maelstrom"} {
		for _, ext := range []string{ext, ".yml", ".yaml"} {
			path := filepath.Join(dir, stem+"."+overlay+ext)
			if from.exists(path) {
				return path, nil
			}
			paths = append(paths, path)
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
