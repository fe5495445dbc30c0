package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/project"
	"maelstrom/reconcile"
	"maelstrom/reconcile/filesource"
)

type setOptions struct {
	files   fileFlags
	out     outputFlags
	project string
	images  []imageEdit

	commit, push bool
	skipCI       bool
	message      string
	remote       string
	branch       string
}

// imageEdit is one COMPONENT=REF.
type imageEdit struct {
	Component string `json:"component"`
	Image     string `json:"image"`
}

// imagesSet is the JSON document of `project set`.
type imagesSet struct {
	Project string      `json:"project"`
	Images  []imageEdit `json:"images"`
	Files   []string    `json:"files"`  // that were edited
	Commit  string      `json:"commit"` // empty: none was made
	Pushed  bool        `json:"pushed"`
}

func newProjectSet(a *app) *cobra.Command {
	var opt setOptions
	cmd := &cobra.Command{
		Use:   "set NAME image COMPONENT=REF...",
		Short: "Set the images of components in the project's file",
		Long: `Set the images of components in the project's file: the last step of a build that
a git source shall pick up. Only these words of the file change; comments, quotes
and layout stay as they are. The file is found by the project's name in the
working copy here, unless -f names it. With --overlay the overlay is edited where
an image stands in it.

What can't be edited without changing something else is refused: an image that is
an alias or holds a variable, or one whose anchor is used elsewhere. The result
must be valid, or nothing is written.

With --commit just these files are committed, by the git that is installed and so
with your identity, hooks and signature; what else is changed or staged stays so.
With --push the commit is pushed as well. If somebody else was faster, their
commits are fetched and the edit is made anew on top of them, up to five times.
If that fails, the branch is where it was. Nothing to change is no error, and no
commit.

With --skip-ci the message ends with [skip ci], which GitHub, GitLab, Gitea and
Bitbucket take as the wish to start no pipeline for it: a pipeline that commits
does not start itself again.

Exit code 5: the file has changes that are not committed, or the commit can't be
pushed. 6: there is no such project or component.`,
		Example: `  maelctl project set shop image web=registry.example.com/shop/web:1.4.2
  maelctl project set shop image web=web:2 worker=worker:2 --overlay production
  maelctl project set shop image web=web:2 --commit --push --skip-ci`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 3 || args[1] != "image" {
				return errors.New("write the project, the word image, and COMPONENT=REF")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opt.images, err = parseImages(args[2:]); err != nil {
				return err
			}
			if err := opt.check(cmd); err != nil {
				return err
			}
			opt.project = strings.ToLower(args[0])
			return runSet(cmd.Context(), a, opt)
		},
	}
	opt.files.registerFile(cmd)
	opt.files.allowUnset = true
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&opt.commit, "commit", false, "commit the change")
	flags.BoolVar(&opt.push, "push", false, "commit and push it")
	flags.BoolVar(&opt.skipCI, "skip-ci", false, "end the message with [skip ci], so that the commit starts no pipeline")
	flags.StringVar(&opt.message, "message", "", "message of the commit (default: which images were set)")
	flags.StringVar(&opt.remote, "remote", "", "remote to push to (default: that of the branch, else origin)")
	flags.StringVar(&opt.branch, "branch", "", "branch to push to (default: the current one)")
	return cmd
}

func parseImages(args []string) ([]imageEdit, error) {
	var images []imageEdit
	for _, arg := range args {
		component, ref, ok := strings.Cut(arg, "=")
		if !ok || component == "" || ref == "" {
			return nil, usagef("%q is not COMPONENT=REF", arg)
		}
		if slices.ContainsFunc(images, func(e imageEdit) bool { return strings.EqualFold(e.Component, component) }) {
			return nil, usagef("%s is set twice", component)
		}
		images = append(images, imageEdit{component, ref})
	}
	return images, nil
}

func (o *setOptions) check(cmd *cobra.Command) error {
	o.commit = o.commit || o.push
	for _, name := range []string{"remote", "branch"} {
		if cmd.Flags().Changed(name) && !o.push {
			return usagef("--%s says where to push to, and needs --push", name)
		}
	}
	if (o.message != "" || o.skipCI) && !o.commit {
		return usagef("--message and --skip-ci are about a commit: add --commit or --push")
	}
	if o.files.file == "-" {
		return usagef("a file is edited in place: standard input is none")
	}
	return o.files.checkOverlay()
}

func runSet(ctx context.Context, a *app, opt setOptions) error {
	var result imagesSet
	var err error
	if opt.commit {
		result, err = a.setAndCommit(ctx, opt)
	} else {
		result, err = a.setInPlace(opt)
	}
	if err != nil {
		return err
	}
	return opt.out.print(a.stdout, document{value: result, text: func(w io.Writer) error { return result.text(w) }})
}

func (r *imagesSet) text(w io.Writer) error {
	what := "Set in " + strings.Join(r.Files, ", ") + "."
	switch {
	case r.Pushed && r.Commit != "":
		what = fmt.Sprintf("Set and pushed as %s.", r.Commit[:min(len(r.Commit), shownCommit)])
	case r.Commit != "":
		what = fmt.Sprintf("Set in %s, committed as %s.", strings.Join(r.Files, ", "), r.Commit[:min(len(r.Commit), shownCommit)])
	case len(r.Files) == 0:
		what = r.Project + ": nothing to change."
	}
	_, err := fmt.Fprintln(w, what)
	return err
}

// setInPlace edits the files of the working copy.
func (a *app) setInPlace(opt setOptions) (imagesSet, error) {
	edited, err := a.editImages(opt)
	if err != nil {
		return imagesSet{}, err
	}
	return opt.result(edited), edited.write()
}

func (o *setOptions) result(edited *editedFiles) imagesSet {
	return imagesSet{Project: o.project, Images: o.images, Files: append([]string{}, edited.paths...)}
}

// editedFiles are files before and after an edit; only those that differ.
type editedFiles struct {
	paths         []string
	before, after map[string][]byte
}

func (e *editedFiles) write() error   { return e.put(e.after) }
func (e *editedFiles) restore() error { return e.put(e.before) }

func (e *editedFiles) put(contents map[string][]byte) error {
	for _, path := range e.paths {
		if err := replaceContents(path, contents[path]); err != nil {
			return err
		}
	}
	return nil
}

// replaceContents writes a file whole or not at all, with the mode it has.
func replaceContents(path string, data []byte) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	file, err := os.CreateTemp(filepath.Dir(real), "."+filepath.Base(real)+".*")
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Chmod(info.Mode().Perm()), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), real)
	}
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, errors.Join(err, os.Remove(file.Name())))
	}
	return nil
}

// editImages makes the edits of opt on what lies on the disk now, and checks
// what comes out. Nothing is written.
func (a *app) editImages(opt setOptions) (*editedFiles, error) {
	if opt.files.file == "" {
		path, err := a.findProject(opt)
		if err != nil {
			return nil, err
		}
		opt.files.file = path
	}
	b, err := a.open(opt.files)
	if err != nil {
		return nil, err
	}
	edited := &editedFiles{before: map[string][]byte{b.in.File: b.in.Data}, after: map[string][]byte{}}
	if b.in.OverlayFile != "" {
		edited.before[b.in.OverlayFile] = b.in.OverlayData
	}
	after := b.in
	for _, image := range opt.images {
		if err := opt.edit(&after, image); err != nil {
			return nil, err
		}
	}
	for _, f := range []project.File{{Path: b.in.File, Data: after.Data}, {Path: b.in.OverlayFile, Data: after.OverlayData}} {
		if f.Path != "" && string(f.Data) != string(edited.before[f.Path]) {
			edited.paths = append(edited.paths, f.Path)
			edited.after[f.Path] = f.Data
		}
	}
	return edited, a.checkEdited(opt, after)
}

// edit sets one image where it stands: in the overlay, else in the base.
func (o *setOptions) edit(in *project.Input, image imageEdit) error {
	name := strings.ToLower(image.Component)
	short := strings.TrimPrefix(name, o.project+"_")
	if in.OverlayFile != "" {
		for _, component := range []string{short, project.FullName(o.project, name)} {
			data, err := project.SetImage(in.OverlayData, component, image.Image)
			if err == nil {
				in.OverlayData = data
				return nil
			}
			var refused *project.EditError
			if !errors.As(err, &refused) || !refused.Absent {
				return editFailed(in.OverlayFile, err)
			}
		}
	}
	data, err := project.SetImage(in.Data, project.FullName(o.project, name), image.Image)
	if err != nil && short != name || isAbsent(err) {
		data, err = project.SetImage(in.Data, short, image.Image)
	}
	if err != nil {
		return editFailed(in.File, err)
	}
	in.Data = data
	return nil
}

func isAbsent(err error) bool {
	var refused *project.EditError
	return errors.As(err, &refused) && refused.Absent
}

func editFailed(path string, err error) error {
	var refused *project.EditError
	if errors.As(err, &refused) && refused.Line > 0 {
		err = fmt.Errorf("%s:%w", path, err)
	} else {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if isAbsent(err) {
		return exitWith(exitNotFound, err)
	}
	return exitWith(exitInvalid, err)
}

// checkEdited refuses an edit that leads to nothing that could be applied.
func (a *app) checkEdited(opt setOptions, in project.Input) error {
	loaded := project.Load(in)
	errs, _ := countProblems(loaded.Problems)
	if loaded.Project == nil {
		printProblems(a.stderr, a.errStyle(), loaded.Problems)
		return exitWith(exitInvalid, fmt.Errorf("%s: %s, nothing was written", in.File, plural(errs, "error")))
	}
	if loaded.Project.Name != opt.project {
		return exitWith(exitNotFound, fmt.Errorf("%s is the file of project %s, not of %s", in.File, loaded.Project.Name, opt.project))
	}
	for _, image := range opt.images {
		full := project.FullName(opt.project, image.Component)
		for _, c := range loaded.Project.Components {
			if c.Name == full && c.Image != image.Image {
				return exitWith(exitInvalid, fmt.Errorf("%s: the image of %s would still be %s", in.File, full, c.Image))
			}
		}
	}
	return nil
}

// findProject finds the file of a project as `validate -r` finds files.
func (a *app) findProject(opt setOptions) (string, error) {
	here, err := filepath.Abs(".")
	if err != nil {
		return "", fmt.Errorf("find project: %w", err)
	}
	top := workingCopy(here)
	if top == "" {
		top = here
	}
	tree, closer, err := filesource.NewTree(top)
	if err != nil {
		return "", exitWith(exitInvalid, err)
	}
	defer closer.Close()
	variables, err := a.variables(opt.files.env)
	if err != nil {
		return "", err
	}
	reader := reconcile.NewReader(tree, reconcile.ReadOptions{Lookup: variables, AllowUnset: true})
	paths, err := reader.Projects()
	if err != nil {
		return "", exitWith(exitInvalid, err)
	}
	var found, broken []string
	for _, path := range paths {
		switch loaded := reader.Load(path).Loaded; {
		case loaded.Project == nil:
			broken = append(broken, path)
		case loaded.Project.Name == opt.project:
			found = append(found, path)
		}
	}
	switch {
	case len(found) > 1:
		return "", exitWith(exitInvalid, fmt.Errorf("project %s is in %s: name one with -f", opt.project, strings.Join(found, " and in ")))
	case len(found) == 0 && len(broken) > 0:
		return "", exitWith(exitNotFound, fmt.Errorf("no valid file below %s is that of project %s; not valid: %s", top, opt.project, strings.Join(broken, ", ")))
	case len(found) == 0:
		return "", exitWith(exitNotFound, fmt.Errorf("no file below %s is that of project %s", top, opt.project))
	}
	path := filepath.Join(top, filepath.FromSlash(found[0]))
	if relative, err := filepath.Rel(here, path); err == nil {
		path = relative
	}
	return path, nil
}
