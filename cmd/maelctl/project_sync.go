package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/reconcile/gitsource"
)

type syncOptions struct {
	out     outputFlags
	target  targetFlags
	request rpc.SyncProjectRequest
	wait    bool
	timeout time.Duration
}

func newProjectSync(a *app) *cobra.Command {
	var opt syncOptions
	cmd := &cobra.Command{
		Use:   "sync [NAME]",
		Short: "Look at a project's source at once, instead of at the next interval",
		Long: `Look at a project's source, or at a source, at once instead of at the next
interval, and try again what could not be applied.

With --revision a source applies that commit once, with all its projects, instead
of what it follows; the next look goes on from there. It is a full commit id; in a
clone of the repository anything that names a commit there: HEAD~1, v1.2, 9fceb02.

Where history was rewritten and the source's forcepush is deny, it stays where it
is, whoever asks for a look, until --follow-rewrite.

With --wait it ends when the look is done and the project, or all of the source,
is as declared; exit code 8 if that takes longer than --timeout, or can't be.`,
		Example: `  maelctl project sync shop --wait
  maelctl project sync --source infra --revision 9fceb02d0ae598e95dc970b74767f19372d61af8
  maelctl project sync --source infra --follow-rewrite`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opt.request.Target, err = opt.target.target(args); err != nil {
				return err
			}
			if err := checkTimeout(opt.timeout); err != nil {
				return err
			}
			if err := a.syncRevision(&opt.request); err != nil {
				return err
			}
			return runSync(cmd.Context(), a, opt)
		},
	}
	opt.target.register(a, cmd)
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opt.request.Revision, "revision", "", "with --source: apply this commit, once")
	flags.BoolVar(&opt.request.FollowRewrite, "follow-rewrite", false, "follow history that was rewritten, even if the source's forcepush is deny")
	flags.BoolVar(&opt.wait, "wait", false, "wait until it is done")
	flags.DurationVar(&opt.timeout, "timeout", 5*time.Minute, "how long --wait waits")
	return cmd
}

var fullCommit = regexp.MustCompile(`^(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$`)

// syncRevision makes what names a commit its full id: a source is asked for
// that one, whatever else the name means when it looks.
func (a *app) syncRevision(request *rpc.SyncProjectRequest) error {
	switch {
	case request.Revision == "":
		return nil
	case request.Source == "":
		return usagef("--revision takes --source: a commit is applied by all of a source, not by one project; `maelctl project rollback` goes back with one")
	case fullCommit.MatchString(request.Revision):
		return nil
	}
	full := fmt.Errorf("--revision %q is not the full id of a commit: give all 40 or 64 digits, as `git rev-parse` prints them", request.Revision)
	local, err := gitsource.OpenLocal(".")
	if err != nil {
		return exitWith(exitInvalid, fmt.Errorf("%w; in a clone of the repository a short one will do", full))
	}
	_, commit, err := local.Tree(request.Revision)
	if err != nil {
		return exitWith(exitInvalid, fmt.Errorf("%w; the clone at %s does not have it", full, local.Top()))
	}
	fmt.Fprintf(a.stderr, "%s is commit %s in %s\n", request.Revision, commit.ID, local.Top())
	request.Revision = commit.ID
	return nil
}

func runSync(ctx context.Context, a *app, opt syncOptions) error {
	opt.request.Actor = a.actor()
	if opt.wait {
		if err := a.unwaitable(ctx, opt.request.Target); err != nil {
			return err
		}
	}
	answer, err := a.client().SyncProject(ctx, opt.request)
	if err != nil {
		return a.serverError(err)
	}
	if opt.wait {
		if err := a.awaitSync(ctx, opt, answer); err != nil {
			return err
		}
	}
	return opt.out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
		what := "Asked"
		if opt.wait {
			what = "Synced"
		}
		_, err := fmt.Fprintf(w, "%s: source %s\n", what, answer.Source)
		return err
	}})
}

// unwaitable refuses to wait for what a user keeps as it is: no look changes
// that.
func (a *app) unwaitable(ctx context.Context, target rpc.Target) error {
	answer, err := a.client().ProjectStatus(ctx, target)
	if err != nil {
		return a.serverError(err)
	}
	refuse := func(what, why string) error {
		return exitWith(exitTimeout, fmt.Errorf("%s is not synced: %s is %s; `maelctl project resume` ends that", targetName(target), what, why))
	}
	if s := answer.Source; s != nil && s.Suspended != nil {
		return refuse("source "+s.Name, suspendedSentence(s.Suspended))
	}
	for _, p := range answer.Projects {
		switch {
		case target.Project == "":
		case p.Suspended != nil:
			return refuse("it", suspendedSentence(p.Suspended))
		case p.Pinned != nil:
			return refuse("it", strings.TrimSuffix(fmt.Sprintf("pinned to revision %d by %s: %s", p.Pinned.Revision, p.Pinned.Actor, p.Pinned.Reason), ": "))
		}
	}
	return nil
}

func suspendedSentence(s *cluster.Suspension) string {
	return fmt.Sprintf("suspended by %s: %s", s.Actor, s.Reason)
}

// awaitSync waits until a request to look was answered, and what was asked for
// is as declared.
func (a *app) awaitSync(ctx context.Context, opt syncOptions, request rpc.SyncAnswer) error {
	client := a.client()
	what := targetName(opt.request.Target) + " is not synced"
	return a.await(ctx, waiting{timeout: opt.timeout, what: what}, func(ctx context.Context) (string, error) {
		answer, err := client.ProjectStatus(ctx, opt.request.Target)
		switch {
		case err != nil:
			return "", err
		case answer.Source == nil:
			return "", fmt.Errorf("source %s is gone", request.Source)
		case answer.Source.SyncServed < request.Number:
			return "its source has not been looked at yet", nil
		case answer.Source.SyncError != "" && answer.Source.SyncServed == request.Number:
			return "", errors.New(answer.Source.SyncError)
		case answer.Source.Ready == cluster.StatusFalse && answer.Source.Reason != cluster.ReasonProjectsFailing && stalled(answer.Source.Conditions):
			return "", errors.New(answer.Source.Message)
		}
		if text := held(answer); text != "" {
			return "", errors.New(text)
		}
		return missing(answer, cluster.ConditionSynced)
	})
}

// held names the first project that waits for a user's word, and would for
// ever; empty: none. It holds for what was looked at just now: a user may have
// given the word since.
func held(answer rpc.StatusAnswer) string {
	for _, p := range answer.Projects {
		for _, c := range p.Conditions {
			if c.Type == cluster.ConditionSynced && c.Status != cluster.StatusTrue && slices.Contains(waitsForUser, c.Reason) {
				return projectTitle(p.Project) + ": " + string(c.Reason) + ": " + c.Message
			}
		}
	}
	return ""
}

var waitsForUser = []cluster.ConditionReason{
	cluster.ReasonRemovalsHeld, cluster.ReasonRemovalsConfirm, cluster.ReasonPruneNever, cluster.ReasonByUser, cluster.ReasonRolledBack, cluster.ReasonSkipped,
}

// missing names what keeps projects from a condition; empty: nothing. What
// only a human can change is an error.
func missing(answer rpc.StatusAnswer, kind cluster.ConditionType) (string, error) {
	var waiting []string
	for _, p := range answer.Projects {
		for _, c := range p.Conditions {
			if c.Type != kind || c.Status == cluster.StatusTrue {
				continue
			}
			text := strings.TrimSuffix(projectTitle(p.Project)+": "+string(c.Reason)+": "+c.Message, ": ")
			if p.File != nil && len(p.File.Problems) > 0 && !strings.Contains(c.Message, p.File.Problems[0].Message) {
				first := p.File.Problems[0]
				text += fmt.Sprintf("; %s:%d:%d: %s", first.File, first.Line, first.Column, fullMessage(first))
			}
			if kind != cluster.ConditionHealthy && stalled(p.Conditions) && !asked(answer.Source) {
				return "", errors.New(text)
			}
			waiting = append(waiting, text)
		}
	}
	return strings.Join(waiting, "; "), nil
}

// asked tells whether a source is about to be looked at again: what it said
// last may not hold any more.
func asked(s *rpc.SourceInfo) bool { return s != nil && s.SyncServed < s.SyncRequested }

// projectTitle names a project, or the file that should be one.
func projectTitle(p rpc.Project) string {
	if p.Name == "" {
		return "(" + p.File + ")"
	}
	return p.Name
}
