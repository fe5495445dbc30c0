package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"

	"maelstrom/cluster/rpc"
)

// defaultURL is where a daemon of this machine listens.
const defaultURL = "http://127.0.0.1:8374"

// client returns a client for the daemon that the flags, the environment or
// the local daemon's client file name, in this order. The token of the client
// file goes to that file's URL alone.
func (a *app) client() (*rpc.Client, error) {
	url, token := a.url, a.getenv("MAELSTROM_API_TOKEN")
	if url == "" {
		url = a.getenv("MAELSTROM_PRIVATE_URL")
	}
	if url == "" || token == "" {
		local, err := a.localDaemon()
		if err != nil {
			return nil, err
		}
		if url == "" {
			url = local.URL
		}
		if token == "" && url == local.URL {
			token = local.Token
		}
	}
	if url == "" {
		url = defaultURL
	}
	return rpc.NewClient(url, token, nil), nil
}

// localDaemon reads the client file of a daemon on this machine; without one
// the result is empty.
func (a *app) localDaemon() (rpc.ClientFile, error) {
	dir := a.getenv("MAEL_DATA_DIR")
	if dir == "" {
		found, err := rpc.DefaultDataDir()
		if err != nil {
			return rpc.ClientFile{}, nil // no HOME: there is no file to find
		}
		dir = found
	}
	local, err := rpc.ReadClientFile(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return rpc.ClientFile{}, nil
	case errors.Is(err, fs.ErrPermission):
		fmt.Fprintf(a.stderr, "%s %v: run as that user, or set MAELSTROM_API_TOKEN\n", a.errStyle().yellow("warning:"), err)
		return rpc.ClientFile{}, nil
	}
	return local, err
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
