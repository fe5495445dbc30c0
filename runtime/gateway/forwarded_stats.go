package gateway

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster"
)

// received counts the requests that other nodes send here. They are no requests
// of a component in any other number: their askers count them.
type received struct {
	over     atomic.Bool // no more of them are taken
	waiting  atomic.Int64
	outcomes [len(forwardedOutcomes)]atomic.Uint64
}

// forwardedOutcomes are what may become of them.
var forwardedOutcomes = [...]string{"served", "full", "gone", "draining", "timeout", "failed", "abandoned"}

const (
	forwardedServed = iota
	forwardedWasFull
	forwardedWasGone
	forwardedWasDraining
	forwardedTimeout
	forwardedFailed
	forwardedAbandoned
)

var (
	descForwarded = prometheus.NewDesc("maelstrom_forwarded_requests_total",
		"Requests that other nodes sent to instances of this one, by what became of them.", []string{"outcome"}, nil)
	descForwardedWaiting = prometheus.NewDesc("maelstrom_forwarded_requests_waiting",
		"Requests from other nodes that wait for a slot now.", nil, nil)
)

func (c *received) count(x *exchange, err error) { c.outcomes[forwardedOutcome(x, err)].Add(1) }

func forwardedOutcome(x *exchange, err error) int {
	switch {
	case x.status == statusClientGone:
		return forwardedAbandoned
	case err != nil:
		return forwardedFailed
	case !x.own:
		return forwardedServed
	case x.status == http.StatusGatewayTimeout:
		return forwardedTimeout
	case x.reason == cluster.ReasonFull:
		return forwardedWasFull
	case x.status == http.StatusMisdirectedRequest && x.reason == cluster.ReasonGone:
		return forwardedWasGone
	case x.reason == cluster.ReasonDraining:
		return forwardedWasDraining
	}
	return forwardedFailed
}

func (c *received) collect(out chan<- prometheus.Metric) {
	for n, outcome := range forwardedOutcomes {
		out <- prometheus.MustNewConstMetric(descForwarded, prometheus.CounterValue, float64(c.outcomes[n].Load()), outcome)
	}
	out <- prometheus.MustNewConstMetric(descForwardedWaiting, prometheus.GaugeValue, float64(c.waiting.Load()))
}
