package gateway

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

type counter = atomic.Uint64

// tryOutcomes are what may become of a request that is sent to another node.
var tryOutcomes = [...]string{"served", "full", "gone", "draining", "unreachable", "lost", "failed", "timeout", "abandoned"}

const (
	tryServed = iota
	tryFull
	tryGone
	tryDraining
	tryUnreachable
	tryLost
	tryFailed
	tryTimeout
	tryAbandoned
)

var (
	descTries = prometheus.NewDesc("maelstrom_forward_tries_total",
		"Requests sent to instances of another node, each try of them, by what became of it.", []string{"node", "outcome"}, nil)
	descRepeats = prometheus.NewDesc("maelstrom_forward_repeats_total",
		"Requests that may have been served when another node was lost, by whether they were sent again, or had to wait for that as the budget was used up.",
		[]string{"outcome"}, nil)
)

// count counts one try.
func (one *link) count(x *exchange, err error) { one.tries[tryOutcome(x, err)].Add(1) }

func tryOutcome(x *exchange, err error) int {
	refused, answered := errors.AsType[*proxy.Refused](err)
	switch {
	case err == nil:
		return tryServed
	case answered && refused.Misdirected():
		switch cluster.Reason(refused.Reason) {
		case cluster.ReasonFull:
			return tryFull
		case cluster.ReasonDraining:
			return tryDraining
		}
		return tryGone
	case errors.Is(err, proxy.ErrDial):
		return tryUnreachable
	case errors.Is(err, proxy.ErrLink):
		return tryLost
	case errors.Is(err, proxy.ErrDeadline), answered && refused.Status == http.StatusGatewayTimeout:
		return tryTimeout
	case errors.Is(err, proxy.ErrClientGone):
		return tryAbandoned
	}
	return tryFailed
}

// collect shows the tries of each node, and the use of the budget.
func (l *links) collect(out chan<- prometheus.Metric) {
	for _, one := range l.all() {
		for n, outcome := range tryOutcomes {
			out <- prometheus.MustNewConstMetric(descTries, prometheus.CounterValue, float64(one.tries[n].Load()), one.node, outcome)
		}
	}
	r := &l.g.repeats
	out <- prometheus.MustNewConstMetric(descRepeats, prometheus.CounterValue, float64(r.granted.Load()), "sent")
	out <- prometheus.MustNewConstMetric(descRepeats, prometheus.CounterValue, float64(r.waited.Load()), "over_budget")
}
