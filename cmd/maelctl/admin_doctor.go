package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// examined is what doctor prints.
type examined struct {
	Healthy bool        `json:"healthy"` // nothing failed
	Daemon  bool        `json:"daemon"`  // the checks are the daemon's own
	Checks  []rpc.Check `json:"checks"`
}

func newDoctor(a *app) *cobra.Command {
	var out outputFlags
	var dir string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check database, engine, ports, clock and firewall, and say what to do",
		Long: `Check database, engine, ports, clock and firewall, and say what to do.

The daemon looks: at its database and the disk below it, at the clock, at the
container engine, at its own ports, and, from inside containers that it starts
for the purpose and removes again, whether a firewall keeps containers from
reaching it. Without a daemon that answers, maelctl looks at what can be seen
from here: the data directory, its lock, the ports.

Exit code 1 if a check failed; a warning or a check that could not be made does
not count.`,
		Example: `  maelctl admin doctor
  maelctl admin doctor --json name,status,advice --jq 'map(select(.status != "ok"))'`,
		Args: cobra.NoArgs,
	}
	registerDataDir(cmd, &dir)
	out.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		result, err := a.examine(cmd.Context(), dir)
		if err != nil {
			return err
		}
		err = out.print(a.stdout, document{value: result, list: "checks", text: func(w io.Writer) error {
			return printChecks(w, a.outStyle(), result)
		}})
		if err == nil && !result.Healthy {
			err = errReported(exitInternal)
		}
		return err
	}
	return cmd
}

func (a *app) examine(ctx context.Context, flag string) (examined, error) {
	client := a.client()
	answer, err := client.Doctor(ctx)
	if ctx.Err() != nil {
		return examined{}, ctx.Err()
	}
	result := examined{Daemon: err == nil, Checks: answer.Checks}
	if err != nil {
		result.Checks, err = a.examineHere(client.URL(), flag, err)
	} else {
		result.Checks = slices.Insert(result.Checks, 0, rpc.Check{Name: "daemon", Status: rpc.CheckOK, Found: "maelstromd answers at " + client.URL()})
	}
	result.Healthy = !slices.ContainsFunc(result.Checks, func(c rpc.Check) bool { return c.Status == rpc.CheckFailed })
	return result, err
}

func printChecks(w io.Writer, s style, result examined) error {
	t := newTable(s, "CHECK", "STATUS", "FOUND")
	for _, c := range result.Checks {
		t.add(c.Name, string(c.Status), c.Found)
	}
	if err := t.write(w); err != nil {
		return err
	}
	for _, c := range result.Checks {
		if c.Advice != "" {
			fmt.Fprintf(w, "\n%s %s\n", s.bold(c.Name+":"), c.Advice)
		}
	}
	return nil
}
