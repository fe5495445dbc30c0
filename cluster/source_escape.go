package cluster

import "strings"

// Escape is a stored secret that a changed declaration would give to somebody
// whom it was not meant for. Whoever stored it has to store it again.
type Escape struct {
	Secret  string // as SourceSecrets.Held names it
	Message string
}

// SourceEscapes tells which of the secrets that are held for old would get to
// others if it were now, without being given anew: credentials are sent to the
// server of the repository, secret variables can be read by who writes there.
func SourceEscapes(old, now *Source, held []string) []Escape {
	var out []Escape
	server, place := server(old) != server(now), place(old) != place(now)
	for _, name := range held {
		variable, isVariable := strings.CutPrefix(name, "variables.")
		switch {
		case isVariable && place:
			out = append(out, Escape{name, "the secret variable " + variable + " would be shown to another repository"})
		case server && (name == "token" || name == "password"):
			out = append(out, Escape{name, "the " + name + " would be sent to another server, or past another proxy"})
		}
	}
	return out
}

// NotifierEscapes tells whether a stored secret would be sent to a server that
// it was not given for. The secret of a webhook is never sent.
func NotifierEscapes(old, now *Notifier) bool {
	if now.Commit == nil {
		return false
	}
	return old.Commit == nil || old.Commit.Provider != now.Commit.Provider || old.Commit.API != now.Commit.API
}

// server is all that says who gets what is sent to a source's server; zero
// where nothing is sent.
func server(s *Source) [4]string {
	if s.Git == nil {
		return [4]string{}
	}
	address, err := ParseGitURL(s.Git.URL)
	if err != nil {
		return [4]string{s.Git.URL}
	}
	return [4]string{address.Scheme, address.Host, s.Git.Proxy, s.Git.CA}
}

// place is all that says whose files a source is made of.
func place(s *Source) [6]string {
	if s.Git == nil {
		return [6]string{s.Dir}
	}
	of := server(s)
	address, _ := ParseGitURL(s.Git.URL)
	return [6]string{of[0], of[1], of[2], of[3], "git", strings.TrimSuffix(strings.Trim(address.Path, "/"), ".git")}
}
