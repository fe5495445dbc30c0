package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// afterApply says what becomes of an applied project.
type afterApply struct {
	wait     bool
	timeout  time.Duration
	rollback bool // if it does not come into effect
}

func (opt *afterApply) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&opt.wait, "wait", false, "wait until the change is in effect, and show each step")
	flags.DurationVar(&opt.timeout, "timeout", 5*time.Minute, "how long --wait waits")
	flags.BoolVar(&opt.rollback, "rollback-on-failure", false, "go back to the last good revision if the change does not come into effect; implies --wait")
}

func (opt *afterApply) waits() bool { return opt.wait || opt.rollback }

// appliedDocument is what a waiting apply prints for programs.
type appliedDocument struct {
	rpc.ApplyAnswer
	Wait *waitOutcome `json:"wait,omitempty"`
}

// waitOutcome is how a wait for an applied project has ended.
type waitOutcome struct {
	Outcome    string `json:"outcome"`     // in_effect, failed, timeout, preempted, interrupted or unknown
	Message    string `json:"message"`     // empty: it is in effect
	RolledBack int64  `json:"rolled_back"` // revision that the project is at after going back; 0: it was not
}

// finishApply prints what an apply has done and, if asked to, waits until that
// is in effect.
func (a *app) finishApply(ctx context.Context, opt applyOptions, file string, answer rpc.ApplyAnswer) error {
	if !opt.after.waits() {
		return a.printApplied(opt, file, appliedDocument{ApplyAnswer: answer})
	}
	if !opt.out.machine() {
		if err := a.printApplied(opt, file, appliedDocument{ApplyAnswer: answer}); err != nil {
			return err
		}
	}
	r := newRollOut(answer)
	err := r.await(ctx, a, a.newProgress(r.changed, opt.out), opt.after.timeout)
	outcome := waitOutcome{Outcome: outcomeOf(err)}
	if err != nil && opt.after.rollback {
		outcome.RolledBack, err = a.rollBackFailed(ctx, r, err)
	}
	if !opt.out.machine() {
		return err
	}
	if err != nil {
		outcome.Message = err.Error()
	}
	if failed := a.printApplied(opt, file, appliedDocument{answer, &outcome}); failed != nil {
		return failed
	}
	return err
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "in_effect"
	case errors.Is(err, errFailed), errors.Is(err, errPreempted):
		var ended *endedError
		errors.As(err, &ended)
		return outcomes[ended.how]
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case exitCode(err) == exitTimeout:
		return "timeout"
	}
	return "unknown"
}

var outcomes = map[error]string{errFailed: "failed", errPreempted: "preempted"}

// rollBackFailed goes back to what was before an apply that has not come into
// effect, unless that is none of its doing or somebody has changed the project
// since. It returns why the command fails, and the revision that the project
// is at; 0: nothing was done.
func (a *app) rollBackFailed(ctx context.Context, r *rollOut, cause error) (int64, error) {
	switch {
	case ctx.Err() != nil, errors.Is(cause, errPreempted):
		return 0, cause
	case r.applied.Empty():
		return 0, notRolledBack(cause, "this apply has changed nothing")
	case !r.unfit:
		return 0, notRolledBack(cause, "what this apply has changed is in effect")
	}
	answer, err := a.client().Rollback(ctx, rpc.RollbackRequest{
		Name: r.applied.Project, IfRevision: &r.applied.Revision, RequestID: cluster.NewID(), Actor: a.actor(), LastGood: true,
		Reason: fmt.Sprintf("revision %d did not come into effect", r.applied.Revision),
	})
	if err != nil {
		return 0, notRolledBack(cause, err.Error())
	}
	back := fmt.Errorf("%w; rolled back: %s is at revision %d, with the content of revision %d", cause, answer.Project, answer.Revision, answer.To.Number)
	return answer.Revision, exitWith(exitTimeout, back)
}

func notRolledBack(cause error, why string) error {
	return exitWith(exitCode(cause), fmt.Errorf("%w; not rolled back: %s", cause, why))
}
