package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func newNotifier(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "notifier", Short: "Tell others what happens: webhooks, and the status of commits"}
	cmd.AddCommand(newNotifierAdd(a), newNotifierSet(a), newNotifierList(a), newNotifierShow(a), newNotifierRemove(a), newNotifierTry(a))
	return cmd
}

// notifierFlags are what a notifier may be declared with.
type notifierFlags struct {
	out        outputFlags
	webhook    string
	commit     string
	api        string
	repository string
	context    string
	kinds      []string
	sources    []string
	alerts     []string
	severities []string
	secretFile string
	clear      bool
}

// envNotifierSecret is the variable that a secret is read from where no flag
// names a file.
const envNotifierSecret = "MAELSTROM_NOTIFIER_SECRET"

func (f *notifierFlags) register(a *app, cmd *cobra.Command) {
	f.out.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.webhook, "webhook", "", "URL that events are sent to, as signed JSON")
	flags.StringVar(&f.commit, "commit-status", "", "set the status of commits at github, gitlab or gitea")
	flags.StringVar(&f.api, "api", "", "base URL of that API (default: the provider's own)")
	flags.StringVar(&f.repository, "repository", "", "repository there, as owner/name (default: from the source's URL)")
	flags.StringVar(&f.context, "context", "", "name that the status is shown under (default: maelstrom)")
	flags.StringSliceVar(&f.kinds, "kind", nil, "events to tell, comma-separated (default: synced, failed, recovered, rolled_back, drift, brake)")
	flags.StringSliceVar(&f.sources, "source", nil, "only events of these sources, comma-separated (default: all)")
	flags.StringSliceVar(&f.alerts, "alert", nil, "alerts to tell, and that they have healed, comma-separated, or all (default: none)")
	flags.StringSliceVar(&f.severities, "severity", nil, "only events and alerts of these severities: info, warning, error (default: all)")
	flags.StringVar(&f.secretFile, "secret-file", "", "file with the secret of the signature, or with the API's token (default: "+envNotifierSecret+")")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("secret-file", completeFiles))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("commit-status", cobra.FixedCompletions([]string{"github", "gitlab", "gitea"}, cobra.ShellCompDirectiveNoFileComp)))
	kinds := namesOf(cluster.EventKinds, func(k cluster.EventKind) string { return string(k) })
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp)))
	alerts := append([]string{string(cluster.AlertAll)}, namesOf(cluster.AlertKinds, func(k cluster.AlertKind) string { return string(k) })...)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("alert", cobra.FixedCompletions(alerts, cobra.ShellCompDirectiveNoFileComp)))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("severity", cobra.FixedCompletions([]string{"info", "warning", "error"}, cobra.ShellCompDirectiveNoFileComp)))
	a.completeFlag(cmd, "source", sourceNames)
}

// change makes spec what the given flags say.
func (f *notifierFlags) change(cmd *cobra.Command, spec *cluster.Notifier) error {
	given := cmd.Flags().Changed
	if given("webhook") && given("commit-status") {
		return usagef("--webhook and --commit-status exclude each other")
	}
	if given("webhook") {
		spec.Webhook, spec.Commit = f.webhook, nil
	}
	commit := cluster.CommitStatus{}
	if spec.Commit != nil {
		commit = *spec.Commit // the row that it came from is not ours
	}
	if given("commit-status") {
		spec.Webhook, commit.Provider = "", f.commit
	}
	changed := given("commit-status")
	for name, field := range map[string]struct {
		to    *string
		value string
	}{"api": {&commit.API, f.api}, "repository": {&commit.Repository, f.repository}, "context": {&commit.Context, f.context}} {
		if !given(name) {
			continue
		}
		if spec.Commit == nil && !given("commit-status") {
			return usagef("--%s is for --commit-status", name)
		}
		*field.to, changed = field.value, true
	}
	if changed {
		spec.Commit = &commit
	}
	if given("kind") {
		spec.Kinds = nil
		for _, kind := range f.kinds {
			spec.Kinds = append(spec.Kinds, cluster.EventKind(kind))
		}
	}
	if given("source") {
		spec.Sources = f.sources
	}
	f.changeAlerts(given, spec)
	return nil
}

func (f *notifierFlags) changeAlerts(given func(flag string) bool, spec *cluster.Notifier) {
	if given("alert") {
		spec.Alerts = nil
		for _, kind := range f.alerts {
			spec.Alerts = append(spec.Alerts, cluster.AlertKind(kind))
		}
	}
	if given("severity") {
		spec.Severities = nil
		for _, severity := range f.severities {
			spec.Severities = append(spec.Severities, cluster.EventSeverity(severity))
		}
	}
}

// secret reads the secret; nil where none is given.
func (f *notifierFlags) secret(a *app) (*string, error) {
	if f.clear {
		if f.secretFile != "" {
			return nil, usagef("--secret-file and --clear-secret exclude each other")
		}
		return new(string), nil
	}
	secret := a.getenv(envNotifierSecret)
	if f.secretFile != "" {
		secret = ""
		if err := a.secretFile("secret-file", f.secretFile, &secret); err != nil {
			return nil, err
		}
	}
	if secret == "" {
		return nil, nil
	}
	return &secret, nil
}

func newNotifierAdd(a *app) *cobra.Command {
	var f notifierFlags
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Tell somebody about events from now on",
		Long: `Tell somebody about events from now on: by a webhook, which gets signed JSON, or by
the status of commits at GitHub, GitLab or Gitea. The secret of the signature, or the
token of the API, is read from a file or from MAELSTROM_NOTIFIER_SECRET, and is never
shown again.`,
		Example: `  maelctl notifier add chat --webhook https://chat.example.com/hooks/1 --secret-file secret
  maelctl notifier add github --commit-status github --secret-file token --source shop`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			none := int64(0)
			return a.saveNotifier(cmd, &f, &cluster.Notifier{Name: args[0]}, &none)
		},
	}
	f.register(a, cmd)
	return cmd
}

func newNotifierSet(a *app) *cobra.Command {
	var f notifierFlags
	cmd := &cobra.Command{
		Use:               "set NAME",
		Short:             "Change single fields of a notifier",
		Long:              "Change single fields of a notifier: those that flags name. All else stays, its\nsecret too.",
		Example:           "  maelctl notifier set chat --kind failed,recovered\n  maelctl notifier set github --secret-file token",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(notifierNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !changesDeclared(cmd.Flags()) {
				return usagef("say what to change: see %s --help", cmd.CommandPath())
			}
			found, err := a.notifier(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.saveNotifier(cmd, &f, found.Spec, &found.Version)
		},
	}
	f.register(a, cmd)
	cmd.Flags().BoolVar(&f.clear, "clear-secret", false, "forget the secret")
	return cmd
}

func (a *app) saveNotifier(cmd *cobra.Command, f *notifierFlags, spec *cluster.Notifier, version *int64) error {
	if err := f.change(cmd, spec); err != nil {
		return err
	}
	secret, err := f.secret(a)
	if err != nil {
		return err
	}
	answer, err := a.client().PutNotifier(cmd.Context(), rpc.PutNotifierRequest{
		Spec: spec, Secret: secret, IfVersion: version, Actor: a.actor(),
	})
	if err != nil {
		return a.serverError(err)
	}
	a.warnAll(answer.Warnings)
	return f.out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
		what := "Saved"
		if !answer.Changed {
			what = "Unchanged"
		}
		_, err := fmt.Fprintf(w, "%s: notifier %s\n", what, answer.Notifier.Name)
		return err
	}})
}

// notifier finds a stored notifier by its name.
func (a *app) notifier(ctx context.Context, name string) (rpc.NotifierInfo, error) {
	list, err := a.client().ListNotifiers(ctx)
	if err != nil {
		return rpc.NotifierInfo{}, a.serverError(err)
	}
	i := slices.IndexFunc(list.Notifiers, func(n rpc.NotifierInfo) bool { return n.Name == strings.ToLower(name) })
	if i < 0 {
		return rpc.NotifierInfo{}, exitWith(exitNotFound, fmt.Errorf("there is no notifier %q: `maelctl notifier ls` lists them", name))
	}
	return list.Notifiers[i], nil
}

func newNotifierList(a *app) *cobra.Command {
	return question[rpc.NotifierList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.NotifierList, error) {
			return client.ListNotifiers(ctx)
		},
		list: "notifiers",
		text: func(w io.Writer, answer rpc.NotifierList) error {
			t := newTable(a.outStyle(), "NAME", "TELLS", "KINDS", "SOURCES", "SENT", "FAILED", "MESSAGE")
			for _, n := range answer.Notifiers {
				t.add(n.Name, tells(n.Spec), kindsOf(n.Spec), cmp.Or(strings.Join(n.Spec.Sources, ","), "all"),
					ageOf(n.SentAt), fmt.Sprint(n.Failed), orDash(n.Error))
			}
			return t.write(w)
		},
	}.on(a, &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List notifiers and how far they have come",
		Example: "  maelctl notifier ls",
		Args:    cobra.NoArgs,
	})
}

// tells is whom a notifier tells.
func tells(n *cluster.Notifier) string {
	if c := n.Commit; c != nil {
		return strings.TrimSpace(c.Provider + " " + c.Repository)
	}
	return n.Webhook
}

func kindsOf(n *cluster.Notifier) string {
	if len(n.Kinds) == 0 && len(n.Alerts) == 0 {
		return "default"
	}
	kinds := namesOf(n.Kinds, func(k cluster.EventKind) string { return string(k) })
	for _, kind := range n.Alerts {
		kinds = append(kinds, "alert:"+string(kind))
	}
	return strings.Join(kinds, ",")
}

func newNotifierShow(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:               "get NAME",
		Short:             "Show a notifier",
		Example:           "  maelctl notifier get chat",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(notifierNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := a.notifier(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: n, text: func(w io.Writer) error { return printNotifier(w, a, n) }})
		},
	}
	out.register(cmd)
	return cmd
}

func printNotifier(w io.Writer, a *app, n rpc.NotifierInfo) error {
	fmt.Fprintf(w, "%s tells %s\n", a.outStyle().bold(n.Name), tells(n.Spec))
	t := newTable(a.outStyle(), "FIELD", "VALUE")
	t.add("kinds", kindsOf(n.Spec))
	t.add("sources", cmp.Or(strings.Join(n.Spec.Sources, " "), "all"))
	if len(n.Spec.Severities) > 0 {
		t.add("severities", strings.Join(namesOf(n.Spec.Severities, func(s cluster.EventSeverity) string { return string(s) }), " "))
	}
	t.add("secret", yesNo(n.HasSecret))
	t.add("sent", ageOf(n.SentAt)+" ago")
	t.add("failed", fmt.Sprint(n.Failed))
	if n.Error != "" {
		t.add("error", n.Error)
	}
	if n.Origin != "" {
		t.add("declared in", n.Origin)
	}
	return t.write(w)
}

func newNotifierRemove(a *app) *cobra.Command {
	var force bool
	cmd := question[rpc.RemoveNotifierAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.RemoveNotifierAnswer, error) {
			return client.RemoveNotifier(ctx, rpc.RemoveNotifierRequest{Name: args[0], Force: force, Actor: a.actor()})
		},
		text: func(w io.Writer, answer rpc.RemoveNotifierAnswer) error {
			_, err := fmt.Fprintf(w, "Removed: notifier %s\n", answer.Name)
			return err
		},
	}.on(a, &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove a notifier: it tells nobody any more",
		Long: `Remove a notifier: it tells nobody any more. One that a file declares is removed
where the file is; --force removes it all the same, and is for what is left of a
sources file that no node has any more.`,
		Example:           "  maelctl notifier rm chat",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(notifierNames),
	})
	cmd.Flags().BoolVar(&force, "force", false, "remove what a sources file declares, too; it comes back if some node still has that file")
	return cmd
}

func newNotifierTry(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Have a notifier send an event that says that it is a test",
		Long: `Have a notifier send an event that says that it is a test, and show what the other
side answers. Exit code 1 if it was not taken.`,
		Example:           "  maelctl notifier test chat",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(notifierNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := a.client().TestNotifier(cmd.Context(), args[0])
			if err != nil {
				return a.serverError(err)
			}
			err = out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
				if !answer.Delivered {
					return nil // the error says it
				}
				_, err := fmt.Fprintf(w, "Delivered: %s\n", oneLine(answer.Message))
				return err
			}})
			if err == nil && !answer.Delivered {
				err = exitWith(exitInternal, errors.New(answer.Message))
			}
			return err
		},
	}
	out.register(cmd)
	return cmd
}
