package images

import "golang.org/x/sys/unix"

// UsedPercent tells how full the file system of a path is, as df does: of what
// programs may use.
func UsedPercent(path string) (float64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, err
	}
	used := float64(fs.Blocks - fs.Bfree)
	if all := used + float64(fs.Bavail); all > 0 {
		return 100 * used / all, nil
	}
	return 0, nil
}
