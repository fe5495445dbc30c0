// Command maelctl declares projects and operates a maelstrom cluster.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // `cron next` works on hosts without a zone database

	"golang.org/x/term"
)

//go:generate go test . -run Reference -update

// version is set by the linker.
var version = "dev"

// interruptGrace is how long an interrupted verb may take to end by itself:
// one that reads a terminal or a pipe does not notice.
const interruptGrace = 200 * time.Millisecond

func main() {
	os.Exit(run(os.Args[1:]))
}

// run executes one command line in this process's surroundings and returns its
// exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	a := &app{
		stdin:     os.Stdin,
		stdout:    os.Stdout,
		stderr:    os.Stderr,
		lookupEnv: os.LookupEnv,
		stdinTTY:  term.IsTerminal(int(os.Stdin.Fd())),
		stdoutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		stderrTTY: term.IsTerminal(int(os.Stderr.Fd())),
	}
	code := make(chan int, 1)
	go func() { code <- a.run(ctx, args) }()
	select {
	case c := <-code:
		return c
	case <-ctx.Done():
	}
	select {
	case c := <-code:
		return c
	case <-time.After(interruptGrace):
		return exitInterrupted
	}
}
