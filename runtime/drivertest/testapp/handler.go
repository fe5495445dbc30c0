package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/coder/websocket"
)

func newHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/ws", echoSocket)
	mux.HandleFunc("/events", sendEvents)
	mux.HandleFunc("/call", call)
	mux.HandleFunc("/resolve", resolve)
	mux.HandleFunc("/upload", upload)
	mux.HandleFunc("/trailers", trailers)
	mux.HandleFunc("/download", download)
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, os.Environ()) })
	mux.HandleFunc("/file", readFile)
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(integer(os.Getenv("CRASH_CODE"))) })
	mux.HandleFunc("/print", printText)
	mux.HandleFunc("/", answer)
	mux.HandleFunc("/sick", func(http.ResponseWriter, *http.Request) { sick.Store(true) })
	status := integer(os.Getenv("STATUS"))
	if status == 0 {
		return named(well(mux))
	}
	return named(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status/100 == 3 {
			w.Header().Set("Location", "https://"+r.Host+r.URL.RequestURI())
		}
		w.WriteHeader(status)
	}))
}

// named says in each answer which release of the program gave it.
func named(next http.Handler) http.Handler {
	release := os.Getenv("RELEASE")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if release != "" {
			w.Header().Set("Release", release)
		}
		next.ServeHTTP(w, r)
	})
}

var sick atomic.Bool

// well answers 500 once the program is sick.
func well(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sick.Load() {
			http.Error(w, "I am sick", http.StatusInternalServerError)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, r *http.Request) {
	pause(r.Context(), r.URL.Query().Get("ms"))
	burn(integer(r.URL.Query().Get("cpu")))
	fmt.Fprintln(w, "ok")
}

// printText writes ?text= to the output.
func printText(w http.ResponseWriter, r *http.Request) {
	fmt.Println(r.URL.Query().Get("text"))
	fmt.Fprintln(w, "ok")
}

// Echo is what /echo answers.
type Echo struct {
	Method, Target, Host, Proto string
	Header                      http.Header
	Body                        string
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pause(r.Context(), r.URL.Query().Get("ms"))
	writeJSON(w, Echo{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Proto: r.Proto,
		Header: r.Header, Body: string(body),
	})
}

func echoSocket(w http.ResponseWriter, r *http.Request) {
	socket, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer socket.CloseNow()
	for {
		kind, message, err := socket.Read(r.Context())
		if err != nil {
			return
		}
		if err := socket.Write(r.Context(), kind, message); err != nil {
			return
		}
	}
}

// File is what /file answers.
type File struct {
	Content  []byte
	Mode     string
	Writable bool // tried out
}

func readFile(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Query().Get("path")
	info, err := os.Stat(path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	content, err := os.ReadFile(path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		file.Close()
	}
	writeJSON(w, File{Content: content, Mode: fmt.Sprintf("%04o", info.Mode().Perm()), Writable: err == nil})
}

// sendEvents sends ?n= events, one each ?ms= milliseconds.
func sendEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil {
		n = 3
	}
	for i := range n {
		fmt.Fprintf(w, "data: %d\n\n", i)
		if err := flush.Flush(); err != nil {
			return
		}
		pause(r.Context(), r.URL.Query().Get("ms"))
	}
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
