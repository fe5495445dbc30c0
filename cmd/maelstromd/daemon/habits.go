package daemon

import (
	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster"
)

// habitMetrics show what has come of `idle: learned` while this node held the role
// placement.
type habitMetrics struct {
	effect func() (effect cluster.HabitEffect, components int)
}

var (
	descLearning = prometheus.NewDesc("maelstrom_learned_components", "Components with `idle: learned` of which something is known.", nil, nil)
	descSpells   = prometheus.NewDesc("maelstrom_learned_idle_spells_total", "Times without a request that have ended, by what the next request met: an instance or none.", []string{"met"}, nil)
	descSaved    = prometheus.NewDesc("maelstrom_learned_cold_starts_total", "Cold starts beside those of idletimeoutseconds, by whether they were avoided or added.", []string{"change"}, nil)
	descIdle     = prometheus.NewDesc("maelstrom_learned_idle_seconds_total", "Time of instances without a request, by policy: as it was, and as idletimeoutseconds would have had it.", []string{"policy"}, nil)
)

// Describe implements prometheus.Collector.
func (m *habitMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descLearning, descSpells, descSaved, descIdle} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (m *habitMetrics) Collect(out chan<- prometheus.Metric) {
	e, components := m.effect()
	counter := func(desc *prometheus.Desc, value float64, label string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, label)
	}
	if components > 0 {
		out <- prometheus.MustNewConstMetric(descLearning, prometheus.GaugeValue, float64(components))
	}
	counter(descSpells, float64(e.Spells-e.Cold), "instance")
	counter(descSpells, float64(e.Cold), "none")
	counter(descSaved, float64(e.Avoided), "avoided")
	counter(descSaved, float64(e.Added), "added")
	counter(descIdle, e.Kept.Seconds(), "learned")
	counter(descIdle, e.Fixed.Seconds(), "fixed")
}
