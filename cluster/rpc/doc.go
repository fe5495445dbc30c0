// Package rpc is the way into a daemon: JSON-RPC 2.0 on its private port. It
// holds the wire types, the services over small interfaces that the daemon
// fills in, the zones and tokens that guard them, and the client.
package rpc
