// Package histories holds tests that record what concurrent clients of a real
// database saw while connections broke, processes froze and servers restarted,
// and that check whether one client after another could have seen the same:
// whether the histories are linearizable.
package histories
