package main

import (
	"fmt"
	"io"
	"time"

	"maelstrom/cluster"
)

// printIdle shows for how long a component that learns it is kept, and what
// came of that.
func printIdle(w io.Writer, memoryMiB int64, e *cluster.HabitExplanation) {
	fmt.Fprintf(w, "\nidle: learned (%s): %s\n", e.By, e.Why)
	if !e.Last.IsZero() {
		fmt.Fprintf(w, "  last request %s%s\n", moment(e.Last), after(e))
	}
	f := &e.Effect
	if f.Spells == 0 {
		return
	}
	fmt.Fprintf(w, "  since %s: of %d idle times %d ended without an instance; with idletimeoutseconds it would have been %d\n",
		moment(f.Since), f.Spells, f.Cold, f.Cold+f.Avoided-f.Added)
	fmt.Fprintf(w, "  instances without a request: %s, %s; with idletimeoutseconds %s, %s\n",
		cluster.Lasting(f.Kept), gibHours(f.Kept, memoryMiB), cluster.Lasting(f.Fixed), gibHours(f.Fixed, memoryMiB))
}

// after tells what comes without another request.
func after(e *cluster.HabitExplanation) string {
	text := ""
	if !e.Stops.IsZero() {
		text += ", sleeps at " + moment(e.Stops)
	}
	if !e.Starts.IsZero() {
		text += fmt.Sprintf(", is there ahead of the next from %s to %s", moment(e.Starts), moment(e.Sleeps))
	}
	return text
}

func moment(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

func gibHours(d time.Duration, mib int64) string {
	return fmt.Sprintf("%.2f GiB h", d.Hours()*float64(mib)/1024)
}
