package main

import (
	"bytes"
	"strings"
	"sync"
)

// logBuffer is what a daemon has logged so far.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// has tells whether one line holds all the words.
func (b *logBuffer) has(words ...string) bool {
	for line := range strings.Lines(b.String()) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			return true
		}
	}
	return false
}

// count is how often a text stands in the log.
func (b *logBuffer) count(text string) int { return strings.Count(b.String(), text) }

func (b *logBuffer) tail(lines int) string {
	all := strings.Split(b.String(), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
