package runtime

import (
	"context"
	"io"
)

// Terminal is where the input of a command comes from and its output goes to.
type Terminal struct {
	Stdin          io.Reader // nil: none
	Stdout, Stderr io.Writer

	TTY    bool        // the command sees a terminal; all its output comes to Stdout
	Resize <-chan Size // of the terminal; nil: never
}

// Size is that of a terminal, in characters.
type Size struct{ Width, Height uint }

// Commander is a Driver that runs commands with their input and output. What
// could not run at all is an error; a command that ended has an exit code.
type Commander interface {
	// RunCommand runs the command of a spec's component in a container of its
	// own, attached to spec.Terminal from its first byte on, to its end. When
	// ctx ends it stops the container. The container is gone when it returns.
	RunCommand(ctx context.Context, spec Spec) (exitCode int, err error)

	// ExecCommand runs a command in a running container. When ctx ends it
	// leaves the command: engines can't stop one.
	ExecCommand(ctx context.Context, id string, command []string, t Terminal) (exitCode int, err error)
}
