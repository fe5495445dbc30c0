package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
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
