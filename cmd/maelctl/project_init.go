package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

type initOptions struct {
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
	flags := cmd.Flags()
	flags.StringVarP(&opt.file, "file", "f", "maelstrom.yml", "file to write; an existing one is left alone")
	flags.StringVar(&opt.name, "name", "", "project name (default: the directory's)")
	flags.StringVar(&opt.image, "image", "", "image of the first component (default: NAME:latest)")
	flags.StringVar(&opt.host, "host", "", "host name of the first component (default: NAME.localhost)")
	return cmd
}

const initTemplate = `# The reference of every key: docs/yaml.md. Check this file with
# 'maelctl project validate', see what it would change with 'maelctl project diff'.
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

var notInName = regexp.MustCompile(`[^a-z0-9_-]+`)

func runInit(a *app, opt initOptions) error {
	if opt.name == "" {
		dir, err := filepath.Abs(filepath.Dir(opt.file))
		if err != nil {
			return err
		}
		opt.name = projectName(filepath.Base(dir))
	}
	if opt.image == "" {
		opt.image = opt.name + ":latest"
	}
	if opt.host == "" {
		opt.host = strings.ReplaceAll(opt.name, "_", "-") + ".localhost"
	}
	file, err := os.OpenFile(opt.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exitWith(exitConflict, fmt.Errorf("%s exists: name another file with -f", opt.file))
	}
	if err != nil {
		return exitWith(exitInvalid, err)
	}
	_, err = fmt.Fprintf(file, initTemplate, opt.name, opt.image, opt.host)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", opt.file, err)
	}
	fmt.Fprintf(a.stdout, "Wrote %s. Next: maelctl project apply -f %s\n", opt.file, opt.file)
	return nil
}

// projectName makes a directory's name fit to be a project's.
func projectName(dir string) string {
	const longest = 20
	name := strings.Trim(notInName.ReplaceAllString(strings.ToLower(dir), "-"), "-")
	if len(name) > longest {
		name = strings.Trim(name[:longest], "-")
	}
	if name == "" {
		return "project"
	}
	return name
}
