package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"maelstrom/project"
)

type initOptions struct {
	out   outputFlags
	file  string
	name  string
	image string
	host  string
}

func newProjectInit(a *app) *cobra.Command {
	var opt initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a first maelstrom.yml",
		Example: `  maelctl project init
  maelctl project init --name shop --image shop:1.4 --host shop.example.com`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runInit(a, opt) },
	}
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&opt.file, "file", "f", "maelstrom.yml", "file to write; an existing one is left alone")
	flags.StringVar(&opt.name, "name", "", "project name (default: the directory's)")
	flags.StringVar(&opt.image, "image", "", "image of the first component (default: NAME:latest)")
	flags.StringVar(&opt.host, "host", "", "host name of the first component (default: NAME.localhost)")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("file", completeFiles))
	return cmd
}

const initTemplate = `# yaml-language-server: $schema=maelstrom.schema.json
# The line above makes an editor complete and underline, once
# 'maelctl schema > maelstrom.schema.json' has written that file.
#
# Check this file with 'maelctl project validate', see what it would change with
# 'maelctl project diff'. Every key is explained in docs/yaml.md.
name: %[1]s

components:
  web:
    image: %[2]s
    # The port that the image listens on, on all addresses of its container.
    httpport: 8080
    # Requests that one container works on at the same time.
    maxconcurrency: 20
    # Seconds without a request until it sleeps; the next request wakes it.
    idletimeoutseconds: 300
    eventsources:
      web-http:
        http:
          hostname: %[3]s
`

// initialized is the JSON document of `project init`.
type initialized struct {
	File    string `json:"file"`
	Project string `json:"project"`
}

func runInit(a *app, opt initOptions) error {
	if err := opt.fill(); err != nil {
		return err
	}
	text, err := opt.text(a)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(opt.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exitWith(exitConflict, fmt.Errorf("%s exists: name another file with -f", opt.file))
	}
	if err != nil {
		return exitWith(exitInvalid, err)
	}
	_, err = io.WriteString(file, text)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", opt.file, err)
	}
	return opt.out.print(a.stdout, document{value: initialized{opt.file, opt.name}, text: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "Wrote %s. Next: maelctl project apply -f %s\n", opt.file, opt.file)
		return err
	}})
}

// fill derives what was not given from the directory's name.
func (opt *initOptions) fill() error {
	if opt.name == "" {
		dir, err := filepath.Abs(filepath.Dir(opt.file))
		if err != nil {
			return fmt.Errorf("find %s: %w", opt.file, err)
		}
		opt.name = projectName(filepath.Base(dir))
	}
	if opt.image == "" {
		opt.image = strings.ToLower(opt.name) + ":latest"
	}
	if opt.host == "" {
		opt.host = strings.ReplaceAll(strings.ToLower(opt.name), "_", "-") + ".localhost"
	}
	return nil
}

// text is the file to write, which must be a good example.
func (opt *initOptions) text(a *app) (string, error) {
	var values []any
	for _, value := range []string{opt.name, opt.image, opt.host} {
		quoted, err := yaml.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("encode %q: %w", value, err)
		}
		values = append(values, strings.TrimSuffix(string(quoted), "\n"))
	}
	text := fmt.Sprintf(initTemplate, values...)
	loaded := project.Load(project.Input{File: opt.file, Data: []byte(text), Lookup: func(string) (string, bool) { return "", false }})
	if loaded.Project == nil {
		printProblems(a.stderr, a.errStyle(), loaded.Problems)
		return "", exitWith(exitInvalid, fmt.Errorf("%s was not written: choose other values for --name, --image and --host", opt.file))
	}
	return text, nil
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// projectName makes a directory's name fit to be a project's, and an image's.
func projectName(dir string) string {
	const longest = 20
	name := notInName.ReplaceAllStringFunc(strings.ToLower(dir), func(other string) string {
		if other == "_" {
			return other
		}
		return "-"
	})
	name = strings.Trim(name, "-_")
	if len(name) > longest {
		name = strings.Trim(name[:longest], "-_")
	}
	if name == "" {
		return "project"
	}
	return name
}
