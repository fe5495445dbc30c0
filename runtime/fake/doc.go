// Package fake is a container engine in process: a runtime.Driver whose images
// are scripts (delays, crashes, exit codes, ports never listened on) and whose
// containers serve real http.Handlers over in-memory connections. It starts
// nothing outside the process, so it works inside a testing/synctest bubble,
// where its delays take no real time.
package fake
