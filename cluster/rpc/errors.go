package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Kind says what an error means to a caller. Each has one exit code of maelctl.
type Kind string

// The kinds.
const (
	KindInternal     Kind = "internal"
	KindUnavailable  Kind = "unavailable"  // the database, or the daemon itself, does not answer
	KindProtocol     Kind = "protocol"     // not a call that this daemon understands
	KindFailed       Kind = "failed"       // a component can't start; Reason says why
	KindInvalid      Kind = "invalid"      // what was sent is wrong; Problems say where
	KindUnauthorized Kind = "unauthorized" // no token, a wrong one, or not from there
	KindExists       Kind = "exists"       // an insert met an object
	KindConflict     Kind = "conflict"     // a compare-and-set or an ownership was lost
	KindNotFound     Kind = "not_found"
	KindTimeout      Kind = "timeout"
)

// ExitCode is the exit code that maelctl ends with.
func (k Kind) ExitCode() int {
	switch k {
	case KindInvalid:
		return 3
	case KindUnauthorized:
		return 4
	case KindExists, KindConflict:
		return 5
	case KindNotFound:
		return 6
	case KindTimeout:
		return 8
	}
	return 1
}

// The error codes on the wire. Those above 1000 are the original's.
const (
	codeInvalid        = 1001
	codeExists         = 1002
	codeNotFound       = 1003
	codeConflict       = 1004
	codeMisc           = -32000
	codeDatabase       = -32001
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeMethodNotFound = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
)

func (k Kind) code() int {
	switch k {
	case KindInvalid:
		return codeInvalid
	case KindExists:
		return codeExists
	case KindNotFound:
		return codeNotFound
	case KindConflict:
		return codeConflict
	case KindUnavailable:
		return codeDatabase
	}
	return codeMisc
}

// ErrUnauthorized is what every *Error of KindUnauthorized is.
var ErrUnauthorized = errors.New("not authorised")

// Error is an error as it crosses the wire. Services return one where they
// know the kind; the client returns nothing else.
type Error struct {
	Kind       Kind
	Code       int // on the wire; 0: that of the kind
	Message    string
	Problems   []project.Problem
	Reason     cluster.Reason
	RetryAfter time.Duration
	RequestID  string

	cause error
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns what the error was made of, on the side where it arose.
func (e *Error) Unwrap() error { return e.cause }

// Is lets errors.Is find the sentinel that a kind stands for.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.Kind == KindUnauthorized
	case cluster.ErrNotFound:
		return e.Kind == KindNotFound
	case cluster.ErrConflict:
		return e.Kind == KindConflict
	}
	return false
}

func errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func protocolError(code int, format string, args ...any) *Error {
	return &Error{Kind: KindProtocol, Code: code, Message: fmt.Sprintf(format, args...)}
}

// invalidProblems is the answer to input in which something is wrong.
func invalidProblems(what string, problems []project.Problem) *Error {
	e := errorf(KindInvalid, "%s is not valid", what)
	e.Problems = problems
	for _, p := range problems {
		if p.Severity == project.Error {
			e.Message = fmt.Sprintf("%s is not valid: %s: %s", what, p.Path, p.Message)
			break
		}
	}
	return e
}

// problemsError is implemented by errors that know where the input is wrong.
type problemsError interface {
	error
	Problems() []project.Problem
}

// classify turns any error into one that can cross the wire.
func classify(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	e := &Error{Kind: kindOf(err), Message: err.Error(), cause: err}
	var problems problemsError
	if errors.As(err, &problems) {
		e.Problems = problems.Problems()
	}
	var failure *cluster.Failure
	if errors.As(err, &failure) {
		e.Reason, e.RetryAfter = failure.Reason, failure.RetryAfter
	}
	return e
}

func kindOf(err error) Kind {
	var failure *cluster.Failure
	var problems problemsError
	switch {
	case errors.Is(err, cluster.ErrNotFound):
		return KindNotFound
	case errors.Is(err, cluster.ErrConflict):
		return KindConflict
	case errors.Is(err, cluster.ErrNotHolder), errors.Is(err, cluster.ErrFenced):
		return KindUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return KindTimeout
	case errors.As(err, &failure):
		return KindFailed
	case errors.As(err, &problems):
		return KindInvalid
	}
	return KindInternal
}

// fromStore is classify for errors of the database: one that is nothing else
// means that the database did not do its work.
func fromStore(err error) error {
	if err == nil {
		return nil
	}
	e := classify(err)
	if e.Kind == KindInternal {
		e.Kind = KindUnavailable
	}
	return e
}
