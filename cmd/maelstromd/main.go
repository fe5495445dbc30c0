// Command maelstromd is the daemon: it routes requests to components and
// starts and stops their containers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // cron zones work on hosts without a zone database

	"maelstrom/cmd/maelstromd/daemon"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 && (args[0] == daemon.VersionVerb || args[0] == "--version") {
		fmt.Println("maelstromd", version)
		return 0
	}
	if len(args) == 2 && args[0] == daemon.ProbeVerb {
		return daemon.Probe(context.Background(), args[1], os.Stdout)
	}
	check := len(args) > 0 && args[0] == daemon.CheckVerb
	if check {
		args = args[1:]
	}
	opt, warnings, err := daemon.ParseOptions(args, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "maelstromd:", err)
		return 64
	}
	opt.Version = version

	ctx, stop := untilSignal()
	defer stop()
	serve := daemon.Run
	if check {
		serve = daemon.Check
	}
	if err := serve(ctx, opt, warnings); err != nil {
		fmt.Fprintln(os.Stderr, "maelstromd:", err)
		return 1
	}
	return 0
}

// untilSignal returns a context that the first signal to stop ends. The second
// ends the process at once: by the time the context has ended, nobody catches it.
func untilSignal() (ctx context.Context, stop context.CancelFunc) {
	ctx, stop = context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		stop()
	}()
	return ctx, stop
}
