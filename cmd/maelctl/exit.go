package main

import (
	"errors"
	"fmt"
)

// The exit codes of every verb.
const (
	exitOK           = 0
	exitInternal     = 1   // internal or server error, daemon not reachable
	exitChanges      = 2   // diff --detailed-exitcode: something would change
	exitInvalid      = 3   // input invalid, a missing file included
	exitUnauthorized = 4   // no, wrong or insufficient token
	exitConflict     = 5   // stale plan, ownership, an unapproved removal
	exitNotFound     = 6   //
	exitPartial      = 7   // some projects applied
	exitTimeout      = 8   // timed out or unhealthy after an apply that happened
	exitUsage        = 64  // bad flag or argument
	exitInterrupted  = 130 //
)

// exitError ends the command with a code. A nil err prints nothing: the
// command has already said what there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitWith wraps err so that the command ends with code.
func exitWith(code int, err error) error { return &exitError{code: code, err: err} }

// isExit tells whether err has a code to end with.
func isExit(err error) bool {
	var exit *exitError
	return errors.As(err, &exit)
}

// errReported ends a verb that has printed all there is to say.
func errReported(code int) error { return exitWith(code, nil) }

// usagef is a mistake on the command line.
func usagef(format string, args ...any) error {
	return exitWith(exitUsage, fmt.Errorf(format, args...))
}

// exitCode tells how the process ends for err.
func exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	}
	return exitInternal
}
