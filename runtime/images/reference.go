package images

import (
	"strings"

	"github.com/distribution/reference"
)

// FullName writes an image's name out, so that two ways to write the same are
// equal.
func FullName(name string) string { return fullName(name) }

// fullName writes an image's name out, so that two ways to write the same are
// equal: with its registry, and with the tag that is meant where none is
// written. A digest stands instead of a tag.
func fullName(name string) string {
	parsed, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	if digested, ok := parsed.(reference.Digested); ok {
		if exact, err := reference.WithDigest(reference.TrimNamed(parsed), digested.Digest()); err == nil {
			return exact.String()
		}
	}
	return reference.TagNameOnly(parsed).String()
}

// registryOf is the host that an image comes from.
func registryOf(name string) string {
	parsed, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return ""
	}
	return reference.Domain(parsed)
}

// sameRepository tells whether two names are of one repository, whatever their
// tags.
func sameRepository(a, b string) bool {
	x, err := reference.ParseNormalizedNamed(a)
	if err != nil {
		return false
	}
	y, err := reference.ParseNormalizedNamed(b)
	return err == nil && x.Name() == y.Name()
}

// kept tells whether one of the patterns names an image, in any of the ways to
// write its name. A star stands for any text.
func kept(patterns []string, name string) bool {
	full := fullName(name)
	ways := []string{full, strings.TrimSuffix(full, ":latest")}
	if parsed, err := reference.ParseNormalizedNamed(full); err == nil {
		familiar := reference.FamiliarString(parsed)
		ways = append(ways, familiar, strings.TrimSuffix(familiar, ":latest"))
	}
	for _, pattern := range patterns {
		for _, way := range ways {
			if matches(pattern, way) {
				return true
			}
		}
	}
	return false
}

// matches compares a text with a pattern in which each star is any text.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, last)
}
