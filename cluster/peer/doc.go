// Package peer is how the nodes of a cluster know and tell each other: the
// authority that certifies them, and the streams between them.
package peer
