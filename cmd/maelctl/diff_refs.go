package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/project"
	"maelstrom/project/schedule"
	"maelstrom/reconcile"
	"maelstrom/reconcile/gitsource"
)

// refOptions say which revisions of a repository are compared.
type refOptions struct {
	base, head string
	dir        string
	zone       string
}

func (o *refOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.base, "base", "", "compare with this revision of the repository here: a branch, a tag, a commit")
	flags.StringVar(&o.head, "head", "HEAD", "what --base is compared with")
	flags.StringVarP(&o.dir, "recursive", "r", "", "with --base: projects below this directory only")
	flags.StringVar(&o.zone, "tz", "UTC", "with --base: time zone of schedules that name none")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("recursive", completeFiles))
}

// checkRefs refuses flags of the one kind of diff beside those of the other.
func (o *diffOptions) checkRefs(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	for _, name := range []string{"head", "recursive", "tz"} {
		if o.refs.base == "" && changed(name) {
			return usagef("--%s needs --base, the revision to compare with", name)
		}
	}
	if o.refs.base == "" {
		return nil
	}
	for _, name := range []string{"save-plan", "prune"} {
		if changed(name) {
			return usagef("--%s can't be combined with --base, which asks no daemon", name)
		}
	}
	if changed("file") && changed("recursive") {
		return usagef("--file and --recursive exclude each other")
	}
	return o.files.checkOverlay()
}

func runDiffRefs(a *app, opt diffOptions) error {
	zone, err := time.LoadLocation(opt.refs.zone)
	if err != nil || opt.refs.zone == "Local" {
		return usagef("--tz %q is not a time zone such as Europe/Berlin", opt.refs.zone)
	}
	review, err := a.review(opt)
	if err != nil {
		return err
	}
	preview(review.Projects, zone)
	if err := a.printReview(opt.out, review); err != nil {
		return err
	}
	switch {
	case !review.Valid():
		return errReported(exitInvalid)
	case opt.detailedExit && !review.Empty():
		return errReported(exitChanges)
	}
	return nil
}

func (a *app) printReview(out outputFlags, review project.Review) error {
	if out.format == formatMarkdown {
		return review.Markdown(a.stdout)
	}
	if !out.machine() {
		printProblems(a.stderr, a.errStyle(), review.Problems)
	}
	return out.print(a.stdout, document{value: review, list: "projects", text: func(w io.Writer) error {
		return review.Text(w, a.outStyle().on)
	}})
}

// previewTimes is how many fire times a review shows.
const previewTimes = 3

func preview(projects []project.ProjectReview, zone *time.Location) {
	now := time.Now()
	for i := range projects {
		projects[i].Preview(func(text string) []time.Time {
			s, err := schedule.Parse(text, zone)
			if err != nil {
				return nil // the file would not be valid
			}
			return s.Upcoming(now, now, previewTimes)
		})
	}
}

// review compares the two revisions that the options name.
func (a *app) review(opt diffOptions) (project.Review, error) {
	variables, err := a.variables(opt.files.env)
	if err != nil {
		return project.Review{}, err
	}
	start := opt.refs.dir
	if opt.files.file != "" {
		start = filepath.Dir(opt.files.file)
	}
	local, err := gitsource.OpenLocal(filepath.Clean(start)) // "" becomes "."
	if err != nil {
		return project.Review{}, exitWith(exitInvalid, err)
	}
	inside, err := below(local.Top(), start)
	if err != nil {
		return project.Review{}, exitWith(exitInvalid, err)
	}
	read := reconcile.ReadOptions{Overlay: opt.files.overlay, Lookup: variables, AllowUnset: opt.files.allowUnset}
	r := refReader{local: local, options: read}
	if opt.files.file != "" {
		r.file = filepath.ToSlash(filepath.Join(inside, filepath.Base(opt.files.file)))
	} else if inside != "." {
		r.options.Under = filepath.ToSlash(inside)
	}
	return r.review(opt.refs)
}

// below is dir as a path below top.
func below(top, dir string) (string, error) {
	absolute, err := filepath.Abs(dir)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err == nil {
		top, err = filepath.EvalSymlinks(top)
	}
	if err != nil {
		return "", fmt.Errorf("find %s: %w", dir, err)
	}
	return filepath.Rel(top, absolute)
}

// refReader reads project files at revisions of a repository.
type refReader struct {
	local   *gitsource.Local
	options reconcile.ReadOptions
	file    string // the only one, if not empty
}

func (r *refReader) review(refs refOptions) (project.Review, error) {
	head, headName, err := r.open(refs.head)
	if err != nil {
		return project.Review{}, err
	}
	base, baseName, err := r.open(refs.base)
	if err != nil {
		return project.Review{}, err
	}
	after, digests, err := r.read(head, refs.head, func(string) (project.Loaded, bool) { return project.Loaded{}, false })
	if err != nil {
		return project.Review{}, err
	}
	before, _, err := r.read(base, refs.base, func(path string) (project.Loaded, bool) {
		now, ok := digests[path]
		same := ok && now.Digest != "" && base.reader.Digest(path, now.Files) == now.Digest
		return now.Loaded, same
	})
	if err != nil {
		return project.Review{}, err
	}
	if r.file != "" && len(before)+len(after) == 0 {
		return project.Review{}, exitWith(exitInvalid, fmt.Errorf("%s: no such file in %s or %s", r.file, refs.base, refs.head))
	}
	review := project.Compare(before, after)
	review.Base, review.Head = baseName, headName
	return review, nil
}

// revision is the project files of one revision.
type revision struct {
	tree   reconcile.Tree
	reader *reconcile.Reader
}

const shownCommit = 12 // digits of a commit's id

// open returns a revision and its name as people shall see it.
func (r *refReader) open(ref string) (revision, string, error) {
	tree, commit, err := r.local.Tree(ref)
	if err != nil {
		return revision{}, "", exitWith(exitInvalid, err)
	}
	name := commit.ID[:min(len(commit.ID), shownCommit)]
	if ref != commit.ID && ref != name {
		name = ref + " (" + name + ")"
	}
	return revision{tree, reconcile.NewReader(tree, r.options)}, name, nil
}

// read loads the project files of a revision but for those that are known.
func (r *refReader) read(at revision, ref string, known func(path string) (project.Loaded, bool)) (map[string]project.Loaded, map[string]reconcile.File, error) {
	paths, err := r.paths(at)
	if err != nil {
		return nil, nil, exitWith(exitInvalid, fmt.Errorf("read %s: %w", ref, err))
	}
	loaded, read := map[string]project.Loaded{}, map[string]reconcile.File{}
	for _, path := range paths {
		if same, ok := known(path); ok {
			loaded[path] = same
			continue
		}
		read[path] = at.reader.Load(path)
		loaded[path] = read[path].Loaded
	}
	return loaded, read, nil
}

func (r *refReader) paths(at revision) ([]string, error) {
	if r.file == "" {
		return at.reader.Projects()
	}
	_, err := at.tree.Lookup(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return []string{r.file}, nil // what else is wrong with it, Load says
}
