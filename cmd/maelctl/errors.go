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

// isServerError tells whether err came from the daemon, or from reaching it.
func isServerError(err error) bool {
	var known *rpc.Error
	return errors.As(err, &known)
}
