package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/project"
)

type validateOptions struct {
	files     fileFlags
	out       outputFlags
	paths     []string
	recursive bool
	strict    bool
	server    bool
}

// The formats that only `project validate` has.
const (
	formatSARIF  = "sarif"
	formatGitHub = "github"
	formatJUnit  = "junit"
)

func newProjectValidate(a *app) *cobra.Command {
	var opt validateOptions
	cmd := &cobra.Command{
		Use:   "validate [PATH...]",
		Short: "Check project files and report every problem at once",
		Long: `Check project files and report every problem at once, without a daemon.

Several files are also checked against each other: project names, component
names and routes that more than one of them claims.

With -r directories are searched for maelstrom.yml and *.maelstrom.yml files, as
a git source does it: nothing is read outside of the working copy, or outside of
the directory where there is none, and no symbolic link is followed. What a
.maelignore file names, by the rules of gitignore, is left out.

Exit code 0: valid. 3: there are errors, or with --strict warnings.`,
		Example: `  maelctl project validate
  maelctl project validate shop.yml blog.yml --strict
  maelctl project validate -r . --output github`,
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.paths = args
			if opt.files.file != "" {
				opt.paths = append(opt.paths, opt.files.file)
			}
			if err := opt.files.checkOverlay(); err != nil {
				return err
			}
			return runValidate(cmd.Context(), a, opt)
		},
	}
	opt.files.register(cmd)
	opt.out.register(cmd, formatSARIF, formatGitHub, formatJUnit)
	opt.out.registerFormat(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&opt.recursive, "recursive", "r", false, "search directories for project files")
	flags.BoolVar(&opt.strict, "strict", false, "warnings count as errors")
	flags.BoolVar(&opt.server, "server", false, "also check against what the cluster has stored")
	return cmd
}

// validation is the JSON document of `project validate`.
type validation struct {
	Valid    bool              `json:"valid"`
	Problems []project.Problem `json:"problems"`
	Files    []string          `json:"files"`

	checked []*checkedFile
	strict  bool
}

// checkedFile is one project file and what is wrong with it.
type checkedFile struct {
	file     string
	overlay  string
	loaded   project.Loaded
	problems []project.Problem
}

func runValidate(ctx context.Context, a *app, opt validateOptions) error {
	checked, err := a.checkFiles(ctx, opt)
	if err != nil {
		return err
	}
	result := judge(checked, opt.strict)
	if err := printValidation(a, opt.out, result); err != nil {
		return err
	}
	if !result.Valid {
		return errReported(exitInvalid)
	}
	return nil
}

// judge adds what the files make wrong together, and sums up.
func judge(checked []*checkedFile, strict bool) validation {
	result := validation{Problems: []project.Problem{}, Files: []string{}, checked: checked, strict: strict}
	loaded := make([]project.Loaded, len(checked))
	for i, c := range checked {
		loaded[i] = c.loaded
		result.Files = append(result.Files, c.file)
	}
	for _, p := range project.Conflicts(loaded) {
		for _, c := range checked {
			if p.File == c.file || p.File == c.overlay {
				c.problems = append(c.problems, p)
				break
			}
		}
	}
	for _, c := range checked {
		result.Problems = append(result.Problems, c.problems...)
	}
	sortProblems(result.Problems)
	result.Valid = !result.fails(result.Problems)
	return result
}

// fails tells whether problems make what they are in invalid.
func (v *validation) fails(problems []project.Problem) bool {
	errs, warnings := countProblems(problems)
	return errs > 0 || v.strict && warnings > 0
}

func printValidation(a *app, out outputFlags, result validation) error {
	switch out.format {
	case formatSARIF:
		return printSARIF(a.stdout, result.Problems)
	case formatGitHub:
		return printGitHub(a.stdout, result.Problems)
	case formatJUnit:
		return printJUnit(a.stdout, result)
	}
	return out.print(a.stdout, document{value: result, list: "problems", text: func(w io.Writer) error {
		s := a.outStyle()
		printProblems(w, s, result.Problems)
		errs, warnings := countProblems(result.Problems)
		verdict := s.green("valid")
		if !result.Valid {
			verdict = s.red("not valid")
		}
		_, err := fmt.Fprintf(w, "%s: %s, %s in %s\n", verdict, plural(errs, "error"), plural(warnings, "warning"), plural(len(result.Files), "file"))
		return err
	}})
}
