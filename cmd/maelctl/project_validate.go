package main

import (
	"fmt"
	"io"
	"path/filepath"

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

func newProjectValidate(a *app) *cobra.Command {
	var opt validateOptions
	cmd := &cobra.Command{
		Use:   "validate [PATH...]",
		Short: "Check project files and report every problem at once",
		Long: `Check project files and report every problem at once, without a daemon.

Several files are also checked against each other: project names, component
names and routes that more than one of them claims. With -r a directory is
searched for maelstrom.yml and *.maelstrom.yml files.

Exit code 0: valid. 3: there are errors, or with --strict warnings.`,
		Example: `  maelctl project validate
  maelctl project validate shop.yml blog.yml --strict
  maelctl project validate -r . --output github`,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.paths = args
			if err := opt.out.validate(); err != nil {
				return err
			}
			return runValidate(cmd, a, opt)
		},
	}
	opt.files.register(cmd)
	opt.out.register(cmd, "sarif", "github", "junit")
	flags := cmd.Flags()
	flags.StringVar(&opt.out.format, "format", "text", "")
	cobra.CheckErr(flags.MarkHidden("format"))
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
}

func runValidate(cmd *cobra.Command, a *app, opt validateOptions) error {
	bundles, err := a.openAll(opt)
	if err != nil {
		return err
	}
	result := validation{Problems: []project.Problem{}}
	loaded := make([]project.Loaded, 0, len(bundles))
	for _, b := range bundles {
		one := project.Load(b.in)
		loaded = append(loaded, one)
		result.Files = append(result.Files, b.in.File)
		result.Problems = append(result.Problems, one.Problems...)
		if opt.server && one.Project != nil {
			found, err := a.validateOnServer(cmd.Context(), b)
			if err != nil {
				return err
			}
			result.Problems = append(result.Problems, found...)
		}
	}
	result.Problems = append(result.Problems, project.Conflicts(loaded)...)
	errs, warnings := countProblems(result.Problems)
	result.Valid = errs == 0 && !(opt.strict && warnings > 0)
	if err := printValidation(a, opt.out, result); err != nil {
		return err
	}
	if !result.Valid {
		return errReported(exitInvalid)
	}
	return nil
}

func (a *app) openAll(opt validateOptions) ([]*bundle, error) {
	paths := opt.paths
	if opt.files.file != "" {
		paths = append(paths, opt.files.file)
	}
	if len(paths) == 0 && !opt.recursive {
		path, err := defaultFile()
		if err != nil {
			return nil, err
		}
		paths = []string{path}
	}
	if opt.recursive {
		found, err := discover(paths)
		if err != nil {
			return nil, exitWith(exitInvalid, err)
		}
		paths = found
	}
	bundles := make([]*bundle, 0, len(paths))
	for _, path := range paths {
		b, err := a.openFile(opt.files, filepath.Clean(path))
		if err != nil {
			return nil, err
		}
		bundles = append(bundles, b)
	}
	return bundles, nil
}

func printValidation(a *app, out outputFlags, result validation) error {
	switch out.format {
	case "sarif":
		return printSARIF(a.stdout, result.Problems)
	case "github":
		return printGitHub(a.stdout, result.Problems)
	case "junit":
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
