package daemon

import (
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster/store"
)

// storeMetrics shows what this process does to the database.
type storeMetrics struct {
	stats  func() store.Stats
	health func() (err error, since time.Time)
}

var (
	descCommits = prometheus.NewDesc("maelstrom_store_commits_total", "Transactions committed.", nil, nil)
	descRetries = prometheus.NewDesc("maelstrom_store_retries_total", "Transactions repeated after a conflict or a lost connection.", nil, nil)
	descRows    = prometheus.NewDesc("maelstrom_store_rows_written_total", "Rows written, by table.", []string{"table"}, nil)
	descRefused = prometheus.NewDesc("maelstrom_store_refused_writes_total", "Writes of which nothing was stored, as their role was lost.", []string{"role"}, nil)
	descUp      = prometheus.NewDesc("maelstrom_store_up", "1 while the database answers.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m *storeMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descCommits, descRetries, descRows, descRefused, descUp} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (m *storeMetrics) Collect(out chan<- prometheus.Metric) {
	stats := m.stats()
	out <- prometheus.MustNewConstMetric(descCommits, prometheus.CounterValue, float64(stats.Commits))
	out <- prometheus.MustNewConstMetric(descRetries, prometheus.CounterValue, float64(stats.Retries))
	for table, rows := range stats.Rows {
		out <- prometheus.MustNewConstMetric(descRows, prometheus.CounterValue, float64(rows), table)
	}
	for role, writes := range stats.Refused {
		out <- prometheus.MustNewConstMetric(descRefused, prometheus.CounterValue, float64(writes), role)
	}
	up := 1.0
	if err, _ := m.health(); err != nil {
		up = 0
	}
	out <- prometheus.MustNewConstMetric(descUp, prometheus.GaugeValue, up)
}

// profileCPU profiles the whole process into a file until stop is called.
func profileCPU(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write CPU profile: %w: set MAEL_CPU_PROFILE_FILENAME to a file that can be written", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("start CPU profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}
