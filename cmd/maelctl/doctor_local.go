package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"maelstrom/cluster/rpc"
)

// examineHere looks at what can be seen without the daemon, on its machine.
func (a *app) examineHere(address, flag string, cause error) ([]rpc.Check, error) {
	checks := []rpc.Check{{Name: "daemon", Status: rpc.CheckFailed, Found: cause.Error(),
		Advice: "start maelstromd, and look at its log (journalctl -u maelstromd); the checks below are what can be seen without it"}}
	if !isLoopback(address) {
		checks[0].Advice = "run maelctl admin doctor on that machine: nothing of it can be seen from here"
		return checks, nil
	}
	dir, err := a.dataDirOr(flag)
	if err != nil {
		return nil, err
	}
	directory := checkDirectory(dir)
	checks = append(checks, directory)
	if directory.Status != rpc.CheckFailed {
		checks = append(checks, rpc.CheckDisk(dir), checkLock(dir), checkClientFile(dir))
	}
	return append(checks,
		a.checkPort("port.private", "MAEL_PRIVATE_PORT", 8374),
		a.checkPort("port.public", "MAEL_PUBLIC_PORT", 80)), nil
}

func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func checkDirectory(dir string) rpc.Check {
	c := rpc.Check{Name: "data_dir", Status: rpc.CheckFailed, Found: dir}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Found, c.Advice = dir+" is not there", "the daemon makes it at its first start; if it has run, set MAEL_DATA_DIR as for the daemon"
	case err != nil:
		c.Found, c.Advice = err.Error(), "run as the user of the daemon"
	case !info.IsDir():
		c.Found, c.Advice = dir+" is not a directory", "set MAEL_DATA_DIR to one"
	case unwritable(dir):
		c.Status, c.Found = rpc.CheckWarning, "this user can't write to "+dir
		c.Advice = "run as the user of the daemon to see more; the daemon itself must be able to write there"
	default:
		c.Status = rpc.CheckOK
	}
	return c
}

func unwritable(dir string) bool {
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return true
	}
	probe.Close()
	return os.Remove(probe.Name()) != nil
}

// checkLock tells a daemon that runs and does not answer from none at all.
func checkLock(dir string) rpc.Check {
	c := rpc.Check{Name: "lock", Status: rpc.CheckOK, Found: "no maelstromd runs on this data directory"}
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		return c // looking must not make it
	}
	lock, err := rpc.LockDataDir(dir)
	switch {
	case errors.Is(err, rpc.ErrDataDirInUse):
		c.Status, c.Found = rpc.CheckWarning, "a maelstromd runs on this data directory and does not answer"
		c.Advice = "it may be starting, or listen elsewhere (MAEL_PRIVATE_PORT): look at its log"
	case err != nil:
		c.Status, c.Found = rpc.CheckSkipped, err.Error()
	default:
		lock.Close()
	}
	return c
}

func checkClientFile(dir string) rpc.Check {
	c := rpc.Check{Name: "client_file", Status: rpc.CheckOK}
	file, err := rpc.ReadClientFile(dir)
	switch {
	case err == nil:
		c.Found = "the daemon was last at " + file.URL
	case errors.Is(err, fs.ErrNotExist):
		c.Status, c.Found = rpc.CheckWarning, "there is no "+rpc.ClientFileName+": no daemon has ever served from "+dir
		c.Advice = "start it, or set MAEL_DATA_DIR as for the daemon"
	case errors.Is(err, fs.ErrPermission):
		c.Status, c.Found, c.Advice = rpc.CheckWarning, err.Error(), "run as the user of the daemon, or set MAELSTROM_API_TOKEN"
	default:
		c.Status, c.Found, c.Advice = rpc.CheckFailed, err.Error(), "restart the daemon: it writes this file anew"
	}
	return c
}

// checkPort tries to listen where the daemon would.
func (a *app) checkPort(name, variable string, port int) rpc.Check {
	if n, err := strconv.Atoi(a.getenv(variable)); err == nil {
		port = n
	}
	c := rpc.Check{Name: name, Status: rpc.CheckOK, Found: fmt.Sprintf("port %d is free", port)}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		c.Status, c.Found = rpc.CheckWarning, fmt.Sprintf("something listens on port %d", port)
		c.Advice = fmt.Sprintf("if it is no maelstromd (ss -ltnp 'sport = :%d'), stop it or set %s to another port", port, variable)
	case errors.Is(err, syscall.EACCES):
		c.Status, c.Found = rpc.CheckSkipped, fmt.Sprintf("this user may not listen on port %d", port)
	case err != nil:
		c.Status, c.Found = rpc.CheckSkipped, err.Error()
	default:
		listener.Close()
	}
	return c
}
