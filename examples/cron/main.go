// Command cron keeps a small table of when it was called by which job. It is
// in memory: what must outlive a sleep belongs on a volume, see longjob.
package main

import (
	"fmt"
	"log"
	"net/http"
	"slices"
	"sync"
	"time"
)

type calls struct {
	mu    sync.Mutex
	lines []string
}

func (c *calls) add(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, time.Now().UTC().Format(time.RFC3339)+" "+job)
	const keep = 100
	c.lines = c.lines[max(0, len(c.lines)-keep):]
}

func (c *calls) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines)
}

func main() {
	var seen calls
	http.HandleFunc("/jobs/{job}", func(w http.ResponseWriter, r *http.Request) {
		seen.add(r.Method + " " + r.PathValue("job"))
		fmt.Fprintln(w, "done")
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range seen.list() {
			fmt.Fprintln(w, line)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
