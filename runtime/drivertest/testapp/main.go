// Command testapp is the program inside the containers of the tests. Its
// environment says how it behaves:
//
//	LISTEN     address to listen on, :8080 if empty; "none": never listens;
//	           "udp:" and an address: takes datagrams there, and no connections
//	BOOT_MS    how long it takes until it listens
//	EXIT_CODE  exits at once with this code
//	STATUS     answers every request with this status; 3xx redirects to https
//	NEED       exits with code 1 unless the variable of this name is set
//	WRITE      exits with code 1 unless it can create this file
//	RELEASE    says so in the header Release of each answer
//	FLOOD_MB   writes so much, as fast as it can, before anything else
//	IGNORE_TERM, MEMORY_MB, OUT, ERR (lines to print, separated by "|")
//
// Its routes: /echo (method, headers, body), /ws (WebSocket echo), /events
// (an event stream), /upload and /download (large bodies), /trailers (the body,
// and then its trailer Sum as Grpc-Message, as gRPC ends), /call (a request to
// another component), /resolve (looks ?name= up), /crash (exits with CRASH_CODE), /env, /file
// (what is at ?path=), /print (?text= to the output), and anything else
// "ok"; this and /echo after ?ms= milliseconds, this also after ?cpu= milliseconds
// of a processor. `testapp exec TEXT CODE` prints and exits;
// `testapp cat` copies its input to its output and says so on the other;
// `testapp hold` waits for a signal, and prints its TEXT when it does.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	switch argument(1) {
	case "exec":
		fmt.Println(argument(2))
		os.Exit(integer(argument(3)))
	case "cat":
		if _, err := io.Copy(os.Stdout, os.Stdin); err != nil {
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, "copied")
		return
	case "hold":
		if said := argument(2); said != "" {
			fmt.Println(said)
		}
		<-terminate
		return
	}
	memory := occupy(integer(os.Getenv("MEMORY_MB")))
	flood(integer(os.Getenv("FLOOD_MB")))
	printLines(os.Stdout, "OUT")
	printLines(os.Stderr, "ERR")
	if code := os.Getenv("EXIT_CODE"); code != "" {
		os.Exit(integer(code))
	}
	checkNeeds(os.Getenv("NEED"), os.Getenv("WRITE"))
	pause(context.Background(), os.Getenv("BOOT_MS"))
	server := newServer()
	failed := make(chan error, 1)
	if address, udp := strings.CutPrefix(server.Addr, "udp:"); udp {
		go func() { failed <- takeDatagrams(address) }()
	} else if server.Addr != "none" {
		go func() { failed <- server.ListenAndServe() }()
	}
	for {
		select {
		case err := <-failed:
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		case <-terminate:
			if os.Getenv("IGNORE_TERM") == "" {
				shutDown(server)
				fmt.Println("terminated")
				goruntime.KeepAlive(memory)
				return
			}
		}
	}
}

func newServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	address := os.Getenv("LISTEN")
	if address == "" {
		address = ":8080"
	}
	return &http.Server{Addr: address, Handler: newHandler(), Protocols: protocols}
}

// shutDown finishes what is in flight.
func shutDown(server *http.Server) {
	err := server.Shutdown(context.Background())
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, err)
	}
}

// checkNeeds ends the program if a variable is not set, or a file can't be written.
func checkNeeds(variable, file string) {
	if variable != "" && os.Getenv(variable) == "" {
		fmt.Fprintf(os.Stderr, "%s is not set\n", variable)
		os.Exit(1)
	}
	if file == "" {
		return
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// takeDatagrams drops what comes to a UDP address.
func takeDatagrams(address string) error {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	buffer := make([]byte, 1<<16)
	for {
		if _, _, err := conn.ReadFrom(buffer); err != nil {
			return err
		}
	}
}

func occupy(megabytes int) []byte {
	memory := make([]byte, megabytes<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	return memory
}

func printLines(to *os.File, name string) {
	for line := range strings.SplitSeq(os.Getenv(name), "|") {
		if line != "" {
			fmt.Fprintln(to, line)
		}
	}
}

// flood prints numbered lines of 100 bytes.
func flood(megabytes int) {
	to := bufio.NewWriterSize(os.Stdout, 64<<10)
	for i := range megabytes * 10_000 {
		fmt.Fprintf(to, "%099d\n", i)
	}
	_ = to.Flush() // nobody reads, nothing to do
}

// pause waits for a number of milliseconds, or until ctx ends.
func pause(ctx context.Context, milliseconds string) {
	wait := time.NewTimer(time.Duration(integer(milliseconds)) * time.Millisecond)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// burn uses so many milliseconds of a processor.
func burn(milliseconds int) {
	if milliseconds == 0 {
		return
	}
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	for until := usedByThread() + time.Duration(milliseconds)*time.Millisecond; usedByThread() < until; {
	}
}

func usedByThread() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var used syscall.Rusage
	if err := syscall.Getrusage(thread, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func argument(n int) string {
	if len(os.Args) <= n {
		return ""
	}
	return os.Args[n]
}

func integer(text string) int {
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return n
}
