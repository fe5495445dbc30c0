package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/project/schedule"
)

func newCron(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "cron", Short: "Look at schedules"}
	cmd.AddCommand(newCronList(a), newCronNext(a))
	return cmd
}

// oneSchedule reminds of the quotes that a schedule needs.
func oneSchedule(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments where one schedule belongs, in quotes: '*/5 * * * *'", len(args))
	}
	return nil
}

type cronNextOptions struct {
	out   outputFlags
	text  string
	zone  string
	after string
	count int
}

func newCronNext(a *app) *cobra.Command {
	var opt cronNextOptions
	cmd := &cobra.Command{
		Use:   "next SCHEDULE",
		Short: "Show when a schedule fires next",
		Long: `Show when a schedule fires next, without a daemon.

An interval (@every 10m) is counted from --after; a daemon counts it from the
time its event source was stored.`,
		Example: `  maelctl cron next '0 9 * * 1-5' --tz Europe/Berlin
  maelctl cron next '@every 90m' --after 2026-01-01T00:00:00Z -n 3`,
		Args: oneSchedule,
		RunE: func(_ *cobra.Command, args []string) error {
			opt.text = args[0]
			return runCronNext(a, opt)
		},
	}
	opt.out.register(cmd)
	cmd.Flags().StringVar(&opt.zone, "tz", "UTC", "time zone where the schedule names none")
	cmd.Flags().StringVar(&opt.after, "after", "", "start from this RFC 3339 time (default: now)")
	cmd.Flags().IntVarP(&opt.count, "count", "n", 5, "how many times to show, up to 1000")
	return cmd
}

// cronTimes is the JSON document of `cron next`.
type cronTimes struct {
	Schedule string      `json:"schedule"`
	Timezone string      `json:"timezone"`
	Next     []time.Time `json:"next"`
	Warnings []string    `json:"warnings"`
}

func runCronNext(a *app, opt cronNextOptions) error {
	if opt.count < 1 || opt.count > 1000 {
		return usagef("-n %d is not a number from 1 to 1000", opt.count)
	}
	zone, err := time.LoadLocation(opt.zone)
	if err != nil || opt.zone == "Local" {
		return usagef("--tz %q is not a time zone such as Europe/Berlin", opt.zone)
	}
	after := time.Now().UTC()
	if opt.after != "" {
		if after, err = time.Parse(time.RFC3339, opt.after); err != nil {
			return usagef("--after %q is not a time such as 2026-01-31T08:00:00Z", opt.after)
		}
	}
	parsed, err := schedule.Parse(opt.text, zone)
	if err != nil {
		return exitWith(exitInvalid, scheduleError(opt.text, err))
	}
	result := cronTimes{Schedule: opt.text, Timezone: parsed.Zone().String(), Next: []time.Time{}, Warnings: []string{}}
	for at := parsed.Next(after, after); !at.IsZero() && len(result.Next) < opt.count; at = parsed.Next(at, after) {
		result.Next = append(result.Next, at.UTC())
	}
	if len(result.Next) == 0 {
		const never = "this schedule never fires"
		result.Warnings = append(result.Warnings, never)
		a.warn(never)
	}
	return opt.out.print(a.stdout, document{value: result, text: func(w io.Writer) error {
		for _, at := range result.Next {
			if _, err := fmt.Fprintln(w, at.In(parsed.Zone()).Format("Mon 2006-01-02 15:04:05 MST")); err != nil {
				return err
			}
		}
		return nil
	}})
}

// scheduleError names the position of a mistake in a schedule.
func scheduleError(text string, err error) error {
	var parse *schedule.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	message := fmt.Sprintf("schedule %q, column %d: %s", text, parse.Column, parse.Message)
	if parse.Hint != "" {
		message += "; " + parse.Hint
	}
	return errors.New(message)
}
