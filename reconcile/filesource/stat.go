package filesource

import (
	"fmt"
	"io/fs"
	"syscall"
)

// nonBlocking keeps an open from waiting, should a file have become a pipe.
const nonBlocking = syscall.O_NONBLOCK

// statID changes with almost every change of a file.
func statID(info fs.FileInfo) string {
	return fmt.Sprintf("stat-%d-%d-%d", info.Size(), info.ModTime().UnixNano(), inode(info))
}

func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}
