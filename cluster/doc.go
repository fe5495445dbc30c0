// Package cluster holds the nouns that nodes agree on: Node, Lease, Placement,
// Instance, the Snapshot of them all and the Feed that keeps it current. It
// decides nothing and does no I/O of its own.
package cluster
