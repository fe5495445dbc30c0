package route

import "strings"

// SplitTarget takes a request URI apart as it stands in a request line: the
// authority, if it is an absolute URL, and the target in origin form (path and
// query, or "*"), not decoded or cleaned. It is false for any other form.
func SplitTarget(requestURI string) (authority, target string, ok bool) {
	if requestURI == "*" || strings.HasPrefix(requestURI, "/") {
		return "", requestURI, true
	}
	scheme, rest, found := strings.Cut(requestURI, "://")
	if !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", "", false
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, target = rest[:end], rest[end:]
	if user := strings.LastIndexByte(authority, '@'); user >= 0 {
		authority = authority[user+1:]
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	return authority, target, authority != ""
}

// Path is the path of a target in origin form, without the query.
func Path(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}

// ValidTarget tells whether target can stand in a request line: no blank or
// control character, and only well-formed escapes in the path.
func ValidTarget(target string) bool {
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return false
		}
	}
	path := Path(target)
	for i := strings.IndexByte(path, '%'); i >= 0 && i < len(path); i++ {
		if path[i] == '%' && !escapeAt(path, i) {
			return false
		}
	}
	return true
}

// Target is the request target that the container receives: path and query as
// the client sent them, less the prefix if the rule strips it. The raw bytes
// that decoded to the prefix are cut; what is left begins with a slash.
func (m Match) Target(requestURI string) string {
	_, target, ok := SplitTarget(requestURI)
	if !ok || m.Rule == nil || !m.Rule.StripPrefix || m.Rule.PathPrefix == "" {
		if ok {
			return target
		}
		return requestURI
	}
	path := Path(target)
	rest := target[rawLen(path, len(m.Rule.PathPrefix)):]
	if strings.HasPrefix(rest, "/") {
		return rest
	}
	return "/" + rest
}

// rawLen is how many bytes of path decode to n bytes.
func rawLen(path string, n int) int {
	i := 0
	for ; n > 0 && i < len(path); n-- {
		if escapeAt(path, i) {
			i += 2
		}
		i++
	}
	return i
}

// appendDecoded appends at most limit decoded bytes of path to dst. An escape
// that is none stays as it is.
func appendDecoded(dst []byte, path string, limit int) []byte {
	for i := 0; i < len(path) && len(dst) < limit; i++ {
		c := path[i]
		if escapeAt(path, i) {
			c = hexDigit(path[i+1])<<4 | hexDigit(path[i+2])
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

func escapeAt(s string, i int) bool {
	return s[i] == '%' && i+2 < len(s) && hexDigit(s[i+1]) < 16 && hexDigit(s[i+2]) < 16
}

// hexDigit is the value of c, or 255 if it is no hexadecimal digit.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
