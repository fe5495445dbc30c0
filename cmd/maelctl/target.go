package main

import (
	"errors"
	"io/fs"
	"net/url"
	"os/user"
	"strings"

	"maelstrom/cluster/rpc"
)

// defaultURL is where a daemon of this machine listens.
const defaultURL = "http://127.0.0.1:8374"

// client returns a client for the daemon that the flags, the environment or
// the local daemon's client file name, in this order. The token of the client
// file goes to that file's URL alone, and so does its authority.
func (a *app) client() *rpc.Client {
	address, token := a.url, a.getenv("MAELSTROM_API_TOKEN")
	pin := rpc.Pin{CAFile: a.getenv("MAELSTROM_CA"), Fingerprint: a.getenv("MAELSTROM_CA_FINGERPRINT")}
	if address == "" {
		address = a.getenv("MAELSTROM_PRIVATE_URL")
	}
	if address == "" || token == "" && !hasUser(address) {
		local := a.localDaemon()
		if address == "" {
			address = local.URL
		}
		if token == "" && sameURL(address, local.URL) {
			token = local.Token
		}
		if pin == (rpc.Pin{}) && sameURL(address, local.URL) {
			pin.Fingerprint = local.CAFingerprint
		}
	}
	if address == "" {
		address = defaultURL
	}
	client := rpc.NewPinnedClient(address, token, pin)
	client.OnAway(a.noteAway)
	return client
}

// hasUser tells whether an address carries its own token.
func hasUser(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.User != nil
}

// sameURL compares addresses without regard to letter case and a slash at the
// end.
func sameURL(a, b string) bool {
	return b != "" && strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// localDaemon reads the client file of a daemon on this machine; without one
// the result is empty.
func (a *app) localDaemon() rpc.ClientFile {
	dir := a.getenv("MAEL_DATA_DIR")
	if dir == "" {
		found, err := rpc.DefaultDataDir()
		if err != nil {
			return rpc.ClientFile{} // no HOME: there is no file to find
		}
		dir = found
	}
	local, err := rpc.ReadClientFile(dir)
	switch {
	case err == nil:
		return local
	case errors.Is(err, fs.ErrPermission):
		a.warn("%v: run as that user, or set MAELSTROM_API_TOKEN", err)
	case !errors.Is(err, fs.ErrNotExist):
		a.warn("%v: restart the daemon to have it written anew", err)
	}
	return rpc.ClientFile{}
}

// actor is who asks, for the history of a project.
func (a *app) actor() string {
	if name := a.getenv("MAELSTROM_ACTOR"); name != "" {
		return name
	}
	if current, err := user.Current(); err == nil {
		return current.Username
	}
	return ""
}
