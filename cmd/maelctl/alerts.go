package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func newAlerts(a *app) *cobra.Command {
	var request rpc.ListAlertsRequest
	cmd := &cobra.Command{
		Use:   "alerts",
		Short: "List what somebody should look at: lost nodes, failing components and jobs, full disks",
		Long: `List the alerts that are open: nodes that are lost, the database when it is, components
that fail, schedules that fail or were missed, and disks that are over 85 % full. With
--all also those that healed in the last 30 days, of each subject the latest. Who shall
be told of them is a notifier with --alert. A node without MAEL_PEER_ADDR looks for them
once there is one.`,
		Example: "  maelctl alerts\n  maelctl alerts --all --output json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&request.All, "all", false, "those that have healed, too")
	return question[rpc.AlertList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.AlertList, error) {
			return client.ListAlerts(ctx, request)
		},
		list: "alerts",
		text: func(w io.Writer, answer rpc.AlertList) error { return printAlerts(w, a, answer.Alerts, request.All) },
	}.on(a, cmd)
}

func printAlerts(w io.Writer, a *app, alerts []rpc.Alert, all bool) error {
	if len(alerts) == 0 {
		none := "no alert is open"
		if all {
			none = "there were no alerts lately"
		}
		_, err := fmt.Fprintln(w, none)
		return err
	}
	t := newTable(a.outStyle(), "KIND", "SUBJECT", "SINCE", "HEALED", "WHAT", "CAUSE")
	for _, alert := range alerts {
		t.add(string(alert.Kind), alert.Subject, age(alert.Since)+" ago", healedOf(alert), alert.Title, alert.Cause)
	}
	return t.write(w)
}

// healedOf tells after how long an alert has healed.
func healedOf(alert rpc.Alert) string {
	if alert.Healed == nil {
		return "-"
	}
	return fmt.Sprintf("%s ago, after %s", age(*alert.Healed), cluster.Lasting(alert.Healed.Sub(alert.Since).Truncate(time.Second)))
}
