package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newSourceSet(a *app) *cobra.Command {
	var opt sourceOptions
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change single fields of a source",
		Long: `Change single fields of a source: those that flags name; an empty value takes
one back. All else stays, secrets too: --clear-secret forgets one. Where a new URL
leads to another server, its token or password must be given again.

Secrets are named as in a sources file: token, password, sshkey, sshpassphrase,
webhooksecret, and variables.NAME for a variable, or variables for all of them; in
JSON they are token, password, ssh_key, ssh_passphrase and webhook_secret, and both
may be cleared by.`,
		Example: `  maelctl source set shop --ref release --interval 10s
  maelctl source set shop --auth token --token-file token
  maelctl source set shop --path '' --clear-secret webhooksecret`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(sourceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !changesDeclared(cmd.Flags()) {
				return usagef("say what to change: see %s --help", cmd.CommandPath())
			}
			return a.setSource(cmd.Context(), &opt, args[0])
		},
	}
	opt.register(cmd)
	opt.flags.secrets.registerClear(cmd)
	return cmd
}

// changesDeclared tells whether any flag is about the source or notifier itself.
func changesDeclared(flags *pflag.FlagSet) bool {
	changes := false
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "output", "json", "jq", "template", "wait", "timeout", "url":
		default:
			changes = true
		}
	})
	return changes
}

func (a *app) setSource(ctx context.Context, opt *sourceOptions, name string) error {
	detail, err := a.client().GetSource(ctx, name)
	if err != nil {
		return a.serverError(err)
	}
	version := detail.Source.Version
	return a.saveSource(ctx, opt, detail.Source.Spec, &version)
}
