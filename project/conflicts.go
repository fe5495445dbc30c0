package project

// Conflicts are the mistakes that only several files together make: a project
// twice, the same host and path prefix twice, two names that join to one.
func Conflicts(loaded []Loaded) []Problem { return nil }
