package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// collector shows the counters that dispatchers keep. The series of a
// component that is removed end with it.
type collector struct{ g *Gateway }

var (
	descRequests = prometheus.NewDesc("maelstrom_requests_total",
		"Requests answered, by status code and reason.", []string{"component", "code", "reason"}, nil)
	descDuration = prometheus.NewDesc("maelstrom_request_duration_seconds",
		"From the request's header to the end of its answer.", []string{"component"}, nil)
	descWait = prometheus.NewDesc("maelstrom_queue_wait_seconds",
		"Time in the queue, of requests that had to wait.", []string{"component"}, nil)
	descInFlight = prometheus.NewDesc("maelstrom_requests_in_flight",
		"Requests at an instance now.", []string{"component"}, nil)
	descQueued = prometheus.NewDesc("maelstrom_requests_queued",
		"Requests waiting for an instance now.", []string{"component"}, nil)
	descLeavings = prometheus.NewDesc("maelstrom_instances_left_out_total",
		"How often an instance that failed while others answered was left out.", []string{"component"}, nil)
	descLeftOut = prometheus.NewDesc("maelstrom_instances_left_out",
		"Instances that are left out now.", []string{"component"}, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRequests, descDuration, descWait, descInFlight, descQueued, descForwarded, descForwardedWaiting, descTries, descRepeats, descLeavings, descLeftOut} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for r, n := range c.g.unmatched {
		out <- prometheus.MustNewConstMetric(descRequests, prometheus.CounterValue,
			float64(n.Load()), "", strconv.Itoa(r.code), string(r.reason))
	}
	c.g.received.collect(out)
	c.g.links.collect(out)
	for name, d := range c.g.dispatchers.Load().All() {
		for _, m := range d.metrics(name) {
			out <- m
		}
	}
}

func (d *dispatcher) metrics(name string) []prometheus.Metric {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.stats
	all := []prometheus.Metric{
		prometheus.MustNewConstMetric(descInFlight, prometheus.GaugeValue, float64(s.inFlight), name),
		prometheus.MustNewConstMetric(descQueued, prometheus.GaugeValue, float64(d.queue.size), name),
		s.duration.metric(descDuration, name),
		s.wait.metric(descWait, name),
	}
	for r, n := range s.results {
		all = append(all, prometheus.MustNewConstMetric(descRequests, prometheus.CounterValue,
			float64(n), name, strconv.Itoa(r.code), string(r.reason)))
	}
	if s.leavings > 0 {
		all = append(all, prometheus.MustNewConstMetric(descLeavings, prometheus.CounterValue, float64(s.leavings), name),
			prometheus.MustNewConstMetric(descLeftOut, prometheus.GaugeValue, float64(d.leftOut()), name))
	}
	return all
}

func (h *histogram) metric(desc *prometheus.Desc, component string) prometheus.Metric {
	cumulative := make(map[float64]uint64, len(buckets))
	var count uint64
	for i, bound := range buckets {
		count += h.counts[i]
		cumulative[bound] = count
	}
	count += h.counts[len(buckets)]
	return prometheus.MustNewConstHistogram(desc, count, h.sum, cumulative, component)
}
