package rpc

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// ClientFile is what a daemon leaves in its data directory for maelctl on the
// same machine: where it listens, and the token that counts there. The token
// is for that URL alone. On a machine without a daemon, one can be written by
// hand for one elsewhere, with the fingerprint of its cluster's authority.
type ClientFile struct {
	URL           string `json:"url"`
	Token         string `json:"token"`
	CAFingerprint string `json:"ca_fingerprint,omitempty"`
}

// ClientFileName is the name of the ClientFile in a data directory.
const ClientFileName = "client.json"

// ReadClientFile reads the ClientFile of a data directory. A file that is not
// there is an error that matches fs.ErrNotExist.
func ReadClientFile(dataDir string) (ClientFile, error) {
	var client ClientFile
	path := filepath.Join(dataDir, ClientFileName)
	data, err := os.ReadFile(path)
	if err != nil {
		return client, fmt.Errorf("read client file: %w", err)
	}
	if err := json.Unmarshal(data, &client); err != nil {
		return client, fmt.Errorf("read client file %s: %w", path, err)
	}
	return client, nil
}

// DefaultDataDir is where a daemon keeps its data unless it is told otherwise:
// /var/lib/maelstrom for root, else the user's data directory.
func DefaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/maelstrom", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "maelstrom"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the data directory: %w: set MAEL_DATA_DIR", err)
	}
	return filepath.Join(home, ".local", "share", "maelstrom"), nil
}
