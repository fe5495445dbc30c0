// Package layout holds the tests that keep the tree to its layout: which
// package may import which, and where heavy dependencies may enter.
package layout
