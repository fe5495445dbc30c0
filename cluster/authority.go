package cluster

import "time"

// Authority is what nodes know each other by: the certificate that signs
// theirs, and its private key, which only who has the cluster key can open.
type Authority struct {
	Certificate string    `json:"certificate"` // PEM
	SealedKey   string    `json:"sealed_key"`  // JSON, as package peer makes it
	CreatedAt   time.Time `json:"created_at"`
}

// NodeDomain ends the names in nodes' certificates, <node id>.NodeDomain: an
// authority can certify no other names.
const NodeDomain = "node.maelstrom.internal"
