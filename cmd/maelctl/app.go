package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// app is one run of maelctl: its streams and what it knows of its surroundings.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	stdinTTY       bool
	stdoutTTY      bool
	stderrTTY      bool

	url string // --url

	away awayNote
}

func (a *app) getenv(name string) string {
	value, _ := a.lookupEnv(name)
	return value
}

// outStyle and errStyle colour what goes to a terminal, unless NO_COLOR is set.
func (a *app) outStyle() style { return style{on: a.stdoutTTY && a.colours()} }
func (a *app) errStyle() style { return style{on: a.stderrTTY && a.colours()} }

func (a *app) colours() bool { return a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb" }

// warn writes a message that stops nothing.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintln(a.stderr, a.errStyle().yellow("warning:"), fmt.Sprintf(format, args...))
}

// interruptGrace is how long an interrupted verb may take to end by itself:
// one that reads a terminal or a pipe does not notice.
const interruptGrace = 200 * time.Millisecond

// run executes one command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	code := make(chan int, 1)
	go func() { code <- a.execute(ctx, args) }()
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

func (a *app) execute(ctx context.Context, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(context.WithValue(ctx, awayKey{}, &a.away))
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(a.stderr, "interrupted")
		return exitInterrupted
	}
	var exit *exitError
	if err != nil && !(errors.As(err, &exit) && exit.err == nil) {
		fmt.Fprintln(a.stderr, a.errStyle().red("error:"), err)
	}
	return exitCode(err)
}

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "maelctl",
		Short: "Declare projects and operate a maelstrom cluster",
		Long: `maelctl declares projects and operates a maelstrom cluster.

It talks to a daemon on this machine by itself. For another one set
MAELSTROM_PRIVATE_URL and MAELSTROM_API_TOKEN, and for one on another machine
MAELSTROM_CA_FINGERPRINT or MAELSTROM_CA: see maelctl cluster ca --help.

Every verb prints text for people, or with --output JSON or YAML for programs;
--json, --jq and --template choose parts of it. Data goes to standard output,
messages go to standard error. NO_COLOR turns colours off.`,
		Example: `  maelctl project init
  maelctl project validate
  maelctl project apply -f maelstrom.yml
  maelctl cluster ps`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w: see %s --help", err, cmd.CommandPath())
	})
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.PersistentFlags().StringVar(&a.url, "url", "", "address of a daemon's private port (default: MAELSTROM_PRIVATE_URL, else the local daemon)")
	root.AddCommand(
		newProject(a), newSource(a), newComp(a), newEventSource(a), newCluster(a), newLogs(a),
		newEvents(a), newAlerts(a), newNotifier(a),
		newRoute(a), newCron(a), newSimulate(a), newAdmin(a), newSchema(a), newVersion(a),
	)
	root.InitDefaultCompletionCmd()
	checkUsage(root)
	return root
}

// checkUsage makes every mistake in the arguments of any command exit 64, and
// a group without a verb show its help.
func checkUsage(cmd *cobra.Command) {
	if args := cmd.Args; args != nil {
		cmd.Args = func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usagef("%w: see %s --help", err, cmd.CommandPath())
			}
			return nil
		}
	}
	if !cmd.Runnable() || cmd.HasSubCommands() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = showGroup
	}
	for _, sub := range cmd.Commands() {
		checkUsage(sub)
	}
}

// showGroup is what a command does that only holds others.
func showGroup(cmd *cobra.Command, given []string) error {
	if len(given) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	near := ""
	if found := cmd.SuggestionsFor(given[0]); len(found) > 0 {
		near = ", did you mean " + strings.Join(found, " or ") + "?"
	}
	return usagef("unknown command %q%s: see %s --help", given[0], near, cmd.CommandPath())
}
