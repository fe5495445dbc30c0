package main

import (
	"io"

	"github.com/spf13/cobra"
)

type renderOptions struct {
	files       fileFlags
	out         outputFlags
	showSecrets bool
}

func newProjectRender(a *app) *cobra.Command {
	var opt renderOptions
	cmd := &cobra.Command{
		Use:   "render",
		Short: "Show the effective project: defaults, variables and environment filled in",
		Long: `Show the effective project, without a daemon: every key with the value that
applies, the merged environment, and what a container will see.

Secrets are hidden unless --show-secrets is given.`,
		Example: `  maelctl project render
  maelctl project render -f shop.yml --overlay staging --output json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runRender(a, opt) },
	}
	opt.files.register(cmd)
	opt.out.register(cmd)
	cmd.Flags().BoolVar(&opt.showSecrets, "show-secrets", false, "show secret values")
	return cmd
}

func runRender(a *app, opt renderOptions) error {
	_, loaded, err := a.load(opt.files)
	if err != nil {
		return err
	}
	rendered := loaded.Rendered
	if !opt.showSecrets {
		rendered = rendered.Masked()
	}
	return opt.out.print(a.stdout, document{value: rendered, text: func(w io.Writer) error {
		value, err := generic(rendered)
		if err != nil {
			return err
		}
		delete(value, "format_version")
		return printYAML(w, value) // for people the same document reads best so
	}})
}
