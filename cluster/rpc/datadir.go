package rpc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// DatabaseFileName is the name of the SQLite database in a data directory.
const DatabaseFileName = "maelstrom.db"

// ErrDataDirInUse says that a daemon uses a data directory.
var ErrDataDirInUse = errors.New("another maelstromd uses this data directory")

// LockDataDir claims a data directory for this process, until the lock is
// closed or the process ends. It waits for nobody: ErrDataDirInUse.
func LockDataDir(dir string) (io.Closer, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrDataDirInUse
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return lock, nil
}

// The least free space below which a daemon gets a warning, or is about to
// fail: the database, its log and its copies need some.
const (
	lowDisk  = 1 << 30
	fullDisk = 100 << 20
)

// CheckDisk tells whether the file system of a data directory has room.
func CheckDisk(dir string) Check {
	check := Check{Name: "disk", Status: CheckOK}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		check.Status, check.Found = CheckSkipped, fmt.Sprintf("%s: %v", dir, err)
		return check
	}
	free, total := uint64(fs.Bavail)*uint64(fs.Bsize), uint64(fs.Blocks)*uint64(fs.Bsize)
	check.Found = fmt.Sprintf("%d MiB of %d MiB free at %s", free>>20, total>>20, dir)
	switch {
	case free < fullDisk:
		check.Status = CheckFailed
	case free < lowDisk:
		check.Status = CheckWarning
	default:
		return check
	}
	check.Advice = "make room on this file system, or move MAEL_DATA_DIR to a larger one while the daemon is stopped"
	return check
}
