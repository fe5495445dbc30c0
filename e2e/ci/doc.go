// Package ci checks the pipelines of examples/ci with the linter of their
// format.
package ci
