package cluster

import "time"

// Token is one API token. Only the hash of its secret is kept.
type Token struct {
	Name       string    `json:"name"`
	Hash       string    `json:"hash"` // SHA-256 of the secret, in hex
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
}
