package cluster

import (
	"crypto/rand"
	"strings"
)

// NewID returns a random name, unique across clusters: 26 lower-case letters
// and digits (130 bits), safe in file, host and container names.
func NewID() string { return strings.ToLower(rand.Text()) }
