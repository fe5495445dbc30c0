package rpc

import (
	"context"
	"io"
)

// CommandOrder is a command to run: in a container of its own, made like those
// of a component, or in one of its instances.
type CommandOrder struct {
	Component string   `json:"component"` // full name
	Command   []string `json:"command"`
	Stdin     bool     `json:"stdin,omitempty"` // the client sends input
	TTY       bool     `json:"tty,omitempty"`   // the command sees a terminal

	// Exec runs it in an instance: one that Instance, the beginning of a
	// placement's id, names, or any that is ready. With Wake a sleeping
	// component is woken first.
	Exec     bool   `json:"exec,omitempty"`
	Instance string `json:"instance,omitempty"`
	Wake     bool   `json:"wake,omitempty"`

	// For a container of its own.
	Environment []string `json:"environment,omitempty"` // NAME=value, over the component's
	Image       string   `json:"image,omitempty"`       // in place of the component's

	TimeoutSeconds float64 `json:"timeout_seconds,omitempty"` // 0: none
}

// TerminalSize is that of the client's terminal, in characters.
type TerminalSize struct {
	Width  uint `json:"width"`
	Height uint `json:"height"`
}

// CommandStreams are the input and output of a command.
type CommandStreams struct {
	Stdin          io.Reader // nil: none
	Stdout, Stderr io.Writer
	Resize         <-chan TerminalSize // nil: never
	Notice         func(text string)   // what is waited for; nil: nobody looks
}

// CommandEnd is how a command ended: with an exit code, or not at all.
type CommandEnd struct {
	ExitCode int    `json:"exit_code"`
	Error    string `json:"error,omitempty"` // why there is no exit code of its own
}

// The exit codes of what is no exit of the command, as container engines have them.
const (
	CommandTimedOut     = 124
	CommandNotStarted   = 125
	CommandNotRunnable  = 126
	CommandNotThere     = 127
	maxCommandArguments = 64 << 10
)

// Commander runs commands on this node. An error means that the command did
// not run, or was stopped since ctx has ended.
type Commander interface {
	RunCommand(ctx context.Context, order CommandOrder, streams CommandStreams) (exitCode int, err error)
	ExecCommand(ctx context.Context, order CommandOrder, streams CommandStreams) (exitCode int, err error)
}
