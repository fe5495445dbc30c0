package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// dataDir is the directory that one daemon owns: its lock, the node id, the
// local client's credentials, the copy of the last snapshot and, with SQLite,
// the database.
type dataDir struct {
	path string
	lock io.Closer
}

// openDataDir makes the directory if need be and locks it for this process.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data directory: %w: set MAEL_DATA_DIR to a directory that can be written", err)
	}
	lock, err := rpc.LockDataDir(path)
	if errors.Is(err, rpc.ErrDataDirInUse) {
		return nil, fmt.Errorf("%w: stop it, or set MAEL_DATA_DIR to another one", err)
	}
	if err != nil {
		return nil, err
	}
	return &dataDir{path: path, lock: lock}, nil
}

// Close gives up the lock.
func (d *dataDir) Close() error { return d.lock.Close() }

func (d *dataDir) database() string { return filepath.Join(d.path, rpc.DatabaseFileName) }
func (d *dataDir) sources() string  { return filepath.Join(d.path, "sources") }
func (d *dataDir) images() string   { return filepath.Join(d.path, "images.json") }
func (d *dataDir) logs() string     { return filepath.Join(d.path, "logs") }
func (d *dataDir) snapshot() string { return filepath.Join(d.path, "snapshot.json") }
func (d *dataDir) recent() string   { return filepath.Join(d.path, "recent.json") }

// files is where the engine mounts components' files from, as an absolute path.
func (d *dataDir) files() (string, error) {
	path, err := filepath.Abs(filepath.Join(d.path, "files"))
	if err != nil {
		return "", fmt.Errorf("find data directory: %w", err)
	}
	return path, nil
}

// nodeID returns the id in the file node-id, made at the first start.
func (d *dataDir) nodeID() (string, error) {
	file := filepath.Join(d.path, "node-id")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		id := cluster.NewID()
		return id, writeFileAtomic(file, []byte(id+"\n"), 0o644)
	}
	if err != nil {
		return "", fmt.Errorf("read node id: %w", err)
	}
	id := strings.TrimSpace(string(data))
	if id == "" || strings.ContainsAny(id, " \n\t/") || len(id) > 64 {
		return "", fmt.Errorf("read node id: %s does not hold one line with an id: remove it to get a new one", file)
	}
	return id, nil
}

func (d *dataDir) writeClientFile(client rpc.ClientFile) error {
	data, err := json.MarshalIndent(client, "", "  ")
	if err != nil {
		return fmt.Errorf("write client file: %w", err)
	}
	return writeFileAtomic(filepath.Join(d.path, rpc.ClientFileName), append(data, '\n'), 0o600)
}

// writeFileAtomic replaces a file as a whole: a reader sees the old or the new.
func writeFileAtomic(path string, data []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
