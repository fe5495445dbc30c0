package main

import (
	"errors"
	"fmt"

	"maelstrom/cluster/rpc"
)

// serverError gives an error of the daemon, or of reaching it, its exit code,
// and says what to do about a token that is missing. It passes nil on.
func (a *app) serverError(err error) error {
	var known *rpc.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &known):
		return err
	}
	printProblems(a.stderr, a.errStyle(), known.Problems)
	if known.Kind == rpc.KindUnauthorized {
		err = fmt.Errorf("%w: set MAELSTROM_API_TOKEN to a token of this cluster (`maelctl admin token new NAME` makes one)", err)
	}
	return exitWith(known.Kind.ExitCode(), err)
}
