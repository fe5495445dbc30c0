package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"maelstrom/cluster/rpc"
)

// commandCodes is told of every verb that ends with a command's exit code.
const commandCodes = `The exit code is the command's own. Where the command has none: 124 after
--timeout, 125 if it could not be started or the connection broke, 126 if its
program can't be executed, 127 if there is no such program, 130 after Ctrl-C.`

// commandFlags are the flags of every verb that runs a command.
type commandFlags struct {
	stdin, tty bool
	timeout    time.Duration
}

func (f *commandFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&f.stdin, "interactive", "i", false, "pass standard input to the command")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal, with -i usually")
	flags.DurationVar(&f.timeout, "timeout", 0, "stop waiting after this long; 0: never")
}

// commandArgs wants a component, then a command.
func commandArgs(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%s needs a component and a command: NAME -- CMD", cmd.CommandPath())
	}
	return nil
}

func newCompRun(a *app) *cobra.Command {
	var flags commandFlags
	var order rpc.CommandOrder
	cmd := &cobra.Command{
		Use:   "run NAME [flags] -- CMD...",
		Short: "Run a command in a fresh container made like those of a component",
		Long: `Run a command in a fresh container with the image, environment, volumes, files,
network, limits and user of a component. CMD takes the place of its command; its
entry point stays. The container gets no requests, is no instance, binds no host
ports, and is removed when the command ends. It runs on the node that maelctl talks
to or, where that lacks the memory, labels or mounts that the component needs, on
another one that has them. Ctrl-C, a lost connection and a stop of a daemon on the
way stop the command: SIGTERM, after 10 seconds SIGKILL.

` + commandCodes,
		Example: `  maelctl comp run shop_web -- ./manage.py migrate
  maelctl comp run shop_web --env DEBUG=1 --timeout 10m -- ./report --all
  maelctl comp run shop_web -it -- sh`,
		Args:              commandArgs,
		ValidArgsFunction: a.completeOne(componentNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkEnvironment(order.Environment); err != nil {
				return err
			}
			order.Component, order.Command = strings.ToLower(args[0]), args[1:]
			return runCommand(cmd.Context(), a, flags, order)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringArrayVarP(&order.Environment, "env", "e", nil, "NAME=VALUE, over the component's environment; may be repeated")
	cmd.Flags().StringVar(&order.Image, "image", "", "run this image instead of the component's")
	return cmd
}

func newCompExec(a *app) *cobra.Command {
	var flags commandFlags
	order := rpc.CommandOrder{Exec: true}
	cmd := &cobra.Command{
		Use:   "exec NAME [flags] -- CMD...",
		Short: "Run a command in a running instance of a component",
		Long: `Run a command in a container that runs already, on whatever node that is.
It wakes nothing unless --wake says so. An engine can't stop such a command: after
Ctrl-C without -t, and after --timeout, it may run on until its instance stops.

` + commandCodes,
		Example: `  maelctl comp exec shop_web -- ls -l /tmp
  maelctl comp exec shop_web --wake -it -- sh`,
		Args:              commandArgs,
		ValidArgsFunction: a.completeOne(componentNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			order.Component, order.Command = strings.ToLower(args[0]), args[1:]
			return runCommand(cmd.Context(), a, flags, order)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&order.Instance, "instance", "", "the placement of the instance, or the beginning of it, as `cluster ps` shows (default: any that is ready)")
	cmd.Flags().BoolVar(&order.Wake, "wake", false, "wake the component first if it is asleep")
	return cmd
}

func checkEnvironment(entries []string) error {
	for _, entry := range entries {
		name, _, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			return usagef("--env wants NAME=VALUE") // what was given may be a secret
		}
		if strings.HasPrefix(name, "MAELSTROM_") {
			return usagef("--env %s: names that begin with MAELSTROM_ are set by maelstrom itself", name)
		}
	}
	return nil
}

// runCommand passes a command's input and output on, and ends as it does.
func runCommand(ctx context.Context, a *app, flags commandFlags, order rpc.CommandOrder) error {
	if flags.timeout < 0 {
		return usagef("--timeout %s is negative", flags.timeout)
	}
	if flags.tty && (!a.stdinTTY || !a.stdoutTTY) {
		return usagef("-t needs a terminal: leave it out in a pipe or a script")
	}
	order.TTY, order.Stdin, order.TimeoutSeconds = flags.tty, flags.stdin, flags.timeout.Seconds()
	streams := rpc.CommandStreams{Stdout: a.stdout, Stderr: a.stderr, Notice: func(text string) { fmt.Fprintln(a.stderr, text) }}
	if flags.stdin {
		streams.Stdin = a.stdin
	}
	if flags.tty {
		restore, sizes, err := rawTerminal(ctx)
		if err != nil {
			return exitWith(rpc.CommandNotStarted, err)
		}
		defer restore()
		streams.Resize = sizes
	}
	end, err := a.client().Command(ctx, order, streams)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return exitWith(rpc.CommandNotStarted, a.serverError(err))
	}
	if end.Error != "" {
		return exitWith(end.ExitCode, errors.New(end.Error))
	}
	if end.ExitCode != 0 {
		return errReported(end.ExitCode)
	}
	return nil
}

// rawTerminal hands every key to the command, and tells how large the terminal
// is.
func rawTerminal(ctx context.Context) (restore func(), sizes <-chan rpc.TerminalSize, err error) {
	in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	state, err := term.MakeRaw(in)
	if err != nil {
		return nil, nil, fmt.Errorf("set up terminal: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	told := make(chan rpc.TerminalSize)
	go func() {
		for {
			if width, height, err := term.GetSize(out); err == nil {
				select {
				case told <- rpc.TerminalSize{Width: uint(width), Height: uint(height)}:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		stop()
		signal.Stop(changed)
		_ = term.Restore(in, state) // there is nothing else to do about it
	}, told, nil
}
