package gateway

import (
	"net/http"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// judge finds out whether the request may wake its component. If not, it does
// not count as load either.
func (x *exchange) judge(rules *project.WakeRules) {
	if rules == nil || x.internal {
		return
	}
	if ok, answer := rules.MayWake(x.r.Method, x.r.URL.Path, x.r.UserAgent(), x.client); !ok {
		x.passive = int16(answer)
	}
}

// asleep answers a request that may not wake the component.
func (d *dispatcher) asleep(status int16, now time.Time) *refusal {
	if f := d.failure; f != nil && now.Before(f.until) {
		return &refusal{status: http.StatusServiceUnavailable, reason: f.failure.Reason,
			text: "failed", retryAfter: f.until.Sub(now)}
	}
	return &refusal{status: int(status), reason: cluster.ReasonAsleep, text: "asleep"}
}

// dismissPassive answers those in the queue that must not wake what went to
// sleep meanwhile.
func (d *dispatcher) dismissPassive(now time.Time) {
	for w := d.queue.first; w != nil; {
		next := w.next
		if w.passive != 0 {
			d.queue.remove(w)
			w.outcome <- outcome{refusal: d.asleep(w.passive, now)}
		}
		w = next
	}
}
