package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

type sourceOptions struct {
	flags   sourceFlags
	out     outputFlags
	wait    bool
	timeout time.Duration
}

func (opt *sourceOptions) register(cmd *cobra.Command) {
	opt.flags.register(cmd)
	opt.out.register(cmd)
	cmd.Flags().BoolVar(&opt.wait, "wait", false, "wait until the source was fetched and its projects are applied")
	cmd.Flags().DurationVar(&opt.timeout, "timeout", 5*time.Minute, "how long --wait waits")
}

func newSourceAdd(a *app) *cobra.Command {
	var opt sourceOptions
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a source: its projects are kept as it declares them",
		Long: `Add a source: a git repository, or a directory on the daemons' machines. From
then on every project in it is applied, changed and removed as its files say.

Secrets are read from files, standard input or the environment, and are never
shown again: MAELSTROM_SOURCE_TOKEN, MAELSTROM_SOURCE_PASSWORD and
MAELSTROM_SOURCE_PASSPHRASE count where --auth asks for a secret and no file is
named.

With --wait it ends when the source was fetched and all its projects are as it
says; exit code 8 if that takes longer than --timeout, or can't be.`,
		Example: `  maelctl source add shop --git https://github.com/acme/shop.git --wait
  maelctl source add shop --git git@github.com:acme/shop.git --auth ssh --ssh-key key --known-hosts hosts
  maelctl source add infra --git https://git.example.com/infra --ref '^1.4' --path 'apps/**' --overlay production
  maelctl source add local --dir /srv/projects --prune confirm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec := &cluster.Source{Name: args[0]}
			none := int64(0)
			return a.saveSource(cmd.Context(), &opt, spec, &none)
		},
	}
	opt.register(cmd)
	return cmd
}

// savedSource is the JSON document of `source add` and `source set`.
type savedSource struct {
	rpc.PutSourceAnswer
	WebhookSecret string `json:"webhook_secret,omitempty"` // one that was made now
}

// saveSource changes spec as the flags say and stores it over a version.
func (a *app) saveSource(ctx context.Context, opt *sourceOptions, spec *cluster.Source, version *int64) error {
	var edit secretEdit
	if err := checkTimeout(opt.timeout); err != nil {
		return err
	}
	opt.flags.secrets.clearVariables(spec)
	if err := opt.flags.change(a, spec, &edit); err != nil {
		return err
	}
	if err := opt.flags.secrets.read(a, &edit); err != nil {
		return err
	}
	if spec.Git == nil && spec.Dir == "" {
		return usagef("say where the source is by --git or --dir")
	}
	answer, err := a.client().PutSource(ctx, rpc.PutSourceRequest{
		Spec: spec, Secrets: &edit.set, ClearSecrets: edit.clear, IfVersion: version, Actor: a.actor(),
	})
	if err != nil {
		return a.serverError(err)
	}
	return a.sourceSaved(ctx, opt, answer, edit.generated)
}

func (a *app) sourceSaved(ctx context.Context, opt *sourceOptions, answer rpc.PutSourceAnswer, generated string) error {
	a.warnAll(answer.Warnings)
	saved := savedSource{PutSourceAnswer: answer, WebhookSecret: generated}
	err := opt.out.print(a.stdout, document{value: saved, text: func(w io.Writer) error {
		if generated != "" {
			fmt.Fprintf(w, "Webhook secret, shown this once: %s\n", generated)
		}
		what := "Saved"
		if !answer.Changed {
			what = "Unchanged"
		}
		_, err := fmt.Fprintf(w, "%s: source %s\n", what, answer.Source.Name)
		return err
	}})
	if err != nil || !opt.wait {
		return err
	}
	return a.awaitSource(ctx, answer.Source, opt.timeout)
}

func (a *app) warnAll(found []cluster.Finding) {
	for _, f := range found {
		a.warn("%s: %s", f.Field, f.Message)
	}
}

// awaitSource waits until the loop has looked at a source as it was stored,
// and everything in it is applied.
func (a *app) awaitSource(ctx context.Context, saved rpc.SourceInfo, timeout time.Duration) error {
	client := a.client()
	what := "source " + saved.Name + " is stored, but not applied"
	return a.await(ctx, waiting{timeout: timeout, what: what}, func(ctx context.Context) (string, error) {
		detail, err := client.GetSource(ctx, saved.Name)
		if err != nil {
			return "", err
		}
		s := detail.Source
		switch {
		case s.Suspended != nil:
			return "", errors.New(s.Message)
		case s.SpecVersion < saved.Version:
			return "it was not looked at yet", nil
		case s.Ready != cluster.StatusTrue && stalled(s.Conditions):
			return "", errors.New(sourceProblem(detail))
		case s.Ready != cluster.StatusTrue:
			return sourceProblem(detail), nil
		}
		return "", nil
	})
}

// stalled tells whether only a human can help.
func stalled(conditions []cluster.Condition) bool {
	for _, c := range conditions {
		if c.Type == cluster.ConditionStalled && c.Status == cluster.StatusTrue {
			return true
		}
	}
	return false
}

// sourceProblem is what is wrong with a source: with one of its files, if it
// was fetched.
func sourceProblem(detail rpc.SourceDetail) string {
	for _, file := range detail.Files {
		for _, p := range file.Problems {
			return fmt.Sprintf("%s; %s:%d:%d: %s", detail.Source.Message, p.File, p.Line, p.Column, fullMessage(p))
		}
	}
	return detail.Source.Message
}
