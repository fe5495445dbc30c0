package daemon

import (
	"errors"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// What a daemon tells the supervisor that started it, in systemd's words.
const (
	tellReady    = "READY=1"
	tellStopping = "STOPPING=1"
)

// tellReloading begins a change of the program; READY ends it.
func tellReloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return "RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10)
}

// tellSystemd sends one message to where NOTIFY_SOCKET says, if anywhere.
func tellSystemd(message string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return err
	}
	_, err = conn.Write([]byte(message))
	return errors.Join(err, conn.Close())
}

// tell sends a message to the supervisor. One that does not listen is no
// reason to stop.
func (d *Daemon) tell(message string) {
	if err := d.sur.tell(message); err != nil {
		d.log.Warn("supervisor not told", "message", message, "error", err)
	}
}
