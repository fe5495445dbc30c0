package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/reconcile"
)

func newSourceApply(a *app) *cobra.Command {
	var out outputFlags
	var file string
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Store the sources and notifiers that a file declares",
		Long: `Store the sources and notifiers that a file declares, each over the one of its
name. Secrets that the file does not have stay as they are, and sources that it does
not have are left alone. ${NAME} in its values stands for variables of the
environment, and paths in it are relative to it. A file looks like this:

  sources:
    - name: shop
      git:
        url: https://github.com/acme/shop.git
        ref: main
        token: ${SHOP_TOKEN}
      paths: ["apps/**"]
      overlay: production
      interval: 1m
      prune: confirm
      webhooksecret: ${HOOK_SECRET}
    - name: local
      dir: /srv/projects
  notifiers:
    - name: chat
      webhook: https://chat.example.com/hooks/1
      secret: ${CHAT_SECRET}
      kinds: [failed, recovered]

Exit code 7 if some of it was stored and some was not.`,
		Example: "  maelctl source apply -f sources.yml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runSourceApply(cmd.Context(), a, out, file)
		},
	}
	out.register(cmd)
	cmd.Flags().StringVarP(&file, "file", "f", "", "the file; - is standard input (required)")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("file", completeFiles))
	return cmd
}

// sourcesApplied is the JSON document of `source apply`.
type sourcesApplied struct {
	Applied []appliedDeclaration `json:"applied"`
}

type appliedDeclaration struct {
	Kind    string `json:"kind"` // source or notifier
	Name    string `json:"name"`
	Version int64  `json:"version"`
	Changed bool   `json:"changed"`
	Error   string `json:"error"`
}

func runSourceApply(ctx context.Context, a *app, out outputFlags, file string) error {
	if file == "" {
		return usagef("name the file by --file")
	}
	declared, problems, err := a.readSources(file)
	if err != nil {
		return err
	}
	var result sourcesApplied
	var first error
	note := func(done appliedDeclaration, found []cluster.Finding, err error) {
		a.warnAll(slices.DeleteFunc(found, func(f cluster.Finding) bool { return told(problems, f) }))
		if err != nil {
			done.Error = err.Error()
			first = errors.Join(first, err)
		}
		result.Applied = append(result.Applied, done)
	}
	client := a.client()
	for _, d := range declared.Sources {
		answer, err := client.PutSource(ctx, putRequest(d, a.actor()))
		note(appliedDeclaration{"source", d.Spec.Name, answer.Source.Version, answer.Changed, ""}, answer.Warnings, err)
	}
	for _, d := range declared.Notifiers {
		answer, err := client.PutNotifier(ctx, rpc.PutNotifierRequest{Spec: d.Spec, Secret: d.Secret, Actor: a.actor()})
		note(appliedDeclaration{"notifier", d.Spec.Name, answer.Notifier.Version, answer.Changed, ""}, answer.Warnings, err)
	}
	if err := out.print(a.stdout, document{value: result, list: "applied", text: func(w io.Writer) error { return printDeclared(w, result) }}); err != nil {
		return err
	}
	return a.partly(result, first)
}

// told tells whether a warning was shown with its place in the file.
func told(problems []project.Problem, f cluster.Finding) bool {
	return slices.ContainsFunc(problems, func(p project.Problem) bool { return p.Message == f.Message })
}

// partly gives a mixed outcome its own exit code.
func (a *app) partly(result sourcesApplied, failed error) error {
	if failed == nil {
		return nil
	}
	for _, one := range result.Applied {
		if one.Error == "" {
			return exitWith(exitPartial, failed)
		}
	}
	return a.serverError(failed)
}

func printDeclared(w io.Writer, result sourcesApplied) error {
	for _, one := range result.Applied {
		what := "Saved"
		switch {
		case one.Error != "":
			what = "Not saved"
		case !one.Changed:
			what = "Unchanged"
		}
		if _, err := fmt.Fprintf(w, "%s: %s %s\n", what, one.Kind, one.Name); err != nil {
			return err
		}
	}
	return nil
}

func putRequest(d reconcile.DeclaredSource, actor string) rpc.PutSourceRequest {
	request := rpc.PutSourceRequest{Spec: d.Spec, Secrets: d.Secrets, Actor: actor}
	if len(d.Spec.Variables) > 0 || d.Secrets != nil && len(d.Secrets.Variables) > 0 {
		request.ClearSecrets = []string{"variables"}
	}
	return request
}

// readSources reads a sources file; what is wrong with it goes to stderr.
func (a *app) readSources(file string) (reconcile.Declared, []project.Problem, error) {
	from := disk{stdin: a.stdin}
	data, err := from.readFile(file)
	if err != nil {
		return reconcile.Declared{}, nil, exitWith(exitInvalid, err)
	}
	declared, problems := reconcile.ParseSources(reconcile.SourcesInput{
		File: file, Data: data, Lookup: a.lookupEnv,
		ReadFile: func(path string) ([]byte, error) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(file), path)
			}
			return from.readFile(path)
		},
	})
	printProblems(a.stderr, a.errStyle(), problems)
	if errs, _ := countProblems(problems); errs > 0 {
		return reconcile.Declared{}, problems, exitWith(exitInvalid, fmt.Errorf("%s: %s", file, plural(errs, "error")))
	}
	return declared, problems, nil
}
