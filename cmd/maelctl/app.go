package main

import (
	"io"

	"github.com/spf13/cobra"
)

// app is one run of maelctl: its streams and what it knows of its surroundings.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	stdinTTY       bool
	stdoutTTY      bool

	url string // --url
}

func (a *app) getenv(name string) string {
	value, _ := a.lookupEnv(name)
	return value
}

// outStyle colours what goes to stdout: on a terminal, unless NO_COLOR is set.
func (a *app) outStyle() style { return style{on: a.stdoutTTY && a.getenv("NO_COLOR") == ""} }

// errStyle colours messages; they follow stdout so that a pipe stays plain.
func (a *app) errStyle() style { return a.outStyle() }

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "maelctl",
		Short: "Declare projects and operate a maelstrom cluster",
		Long: `maelctl declares projects and operates a maelstrom cluster.

It talks to a daemon on this machine by itself. For another one set
MAELSTROM_PRIVATE_URL and MAELSTROM_API_TOKEN.`,
		Example: `  maelctl project init
  maelctl project validate
  maelctl project apply -f maelstrom.yml
  maelctl cluster ps`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w: see %s --help", err, cmd.CommandPath())
	})
	root.PersistentFlags().StringVar(&a.url, "url", "", "address of a daemon's private port (default: MAELSTROM_PRIVATE_URL, else the local daemon)")
	root.AddCommand(
		newProject(a), newComp(a), newEventSource(a), newCluster(a), newLogs(a),
		newRoute(a), newCron(a), newAdmin(a), newSchema(a), newVersion(a),
	)
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
	if !cmd.Runnable() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return usagef("unknown command %q: see %s --help", given[0], cmd.CommandPath())
			}
			return cmd.Help()
		}
	}
	for _, sub := range cmd.Commands() {
		checkUsage(sub)
	}
}
