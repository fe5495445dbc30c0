package main

import (
	"errors"

	"maelstrom/cluster/rpc"
)

// serverError gives an error of the daemon, or of reaching it, its exit code.
// It passes nil on.
func (a *app) serverError(err error) error {
	var known *rpc.Error
	if !errors.As(err, &known) {
		return err
	}
	printProblems(a.stderr, a.errStyle(), known.Problems)
	return exitWith(known.Kind.ExitCode(), err)
}
