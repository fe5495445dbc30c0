// Package drivertest is the contract of runtime.Driver as a test suite, run
// against the real engine and against the fake one, so that what is learned
// from the fake holds for the real one.
package drivertest

import (
	"context"
	"net"
	"testing"

	"maelstrom/project"
	"maelstrom/runtime"
)

// Behaviour names what a container does once it is started.
type Behaviour string

// The behaviours that a harness provides.
const (
	// Serves answers 200 on every path as soon as it can. It writes the lines
	// OutLines to standard output and ErrLines to standard error before that.
	// On SIGTERM it writes TermLine to standard output and exits with code 0.
	Serves Behaviour = "serves"

	// Exits ends at once with code ExitCode.
	Exits Behaviour = "exits"

	// NeverListens runs and accepts no connection.
	NeverListens Behaviour = "never_listens"

	// IgnoresTerm serves, and goes on after SIGTERM.
	IgnoresTerm Behaviour = "ignores_term"

	// Crashes serves until it is asked for /crash; then it exits with ExitCode.
	Crashes Behaviour = "crashes"
)

// What the behaviours write and return.
const (
	ExitCode = 3
	TermLine = "terminated"
	CatLine  = "copied"
)

// OutLines and ErrLines are what Serves writes when it starts.
var (
	OutLines = []string{"one", "two", "three"}
	ErrLines = []string{"warning"}
)

// Harness is one engine under test, as one node of a cluster sees it.
type Harness struct {
	Driver runtime.Driver

	// Others are drivers of another node and of another cluster on the same engine.
	Others []runtime.Driver

	// Component returns an effective component that behaves as told.
	Component func(Behaviour) project.Component

	// MissingImage is neither on the engine nor in any registry.
	MissingImage string

	// Dial reaches the address of a container.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Exec is a command that works in a container of Serves.
	Exec Command

	// Cat copies its input to its output, then writes CatLine to standard
	// error and ends with code 0; Hold runs until it is stopped. Both work in
	// containers of Serves, and in ones of their own.
	Cat, Hold []string
}

// Command is a command with its known outcome.
type Command struct {
	Command  []string
	Output   string
	ExitCode int
}

// Run runs the suite. Each case has a harness of its own, whose containers
// newHarness removes at the end of its test.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newHarness(t)) })
	}
}
