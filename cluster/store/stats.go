package store

import (
	"maps"
	"sync"
)

// Stats counts what this process has written.
type Stats struct {
	Commits int64
	Retries int64            // of transactions, after a conflict or a lost connection
	Rows    map[string]int64 // written, by table

	// Refused counts the writes of which nothing was stored as their role was
	// lost, by role.
	Refused map[string]int64
}

type counts struct {
	mu    sync.Mutex
	stats Stats
}

// Stats returns the counts since the store was opened.
func (s *Store) Stats() Stats {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	stats := s.counts.stats
	stats.Rows = maps.Clone(stats.Rows)
	stats.Refused = maps.Clone(stats.Refused)
	return stats
}

func (c *counts) commit(rows map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.Rows == nil {
		c.stats.Rows = map[string]int64{}
	}
	c.stats.Commits++
	for table, n := range rows {
		c.stats.Rows[table] += n
	}
}

func (c *counts) retry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Retries++
}

func (c *counts) refuse(role string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.Refused == nil {
		c.stats.Refused = map[string]int64{}
	}
	c.stats.Refused[role]++
}
