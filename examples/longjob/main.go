// Command longjob works on a job that takes longer than a container lives. It
// saves its state after each step; a cron continues it until it is done.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	steps    = 1000
	stepTime = 50 * time.Millisecond // stands for real work
	slice    = 20 * time.Second      // of work for each call
	file     = "/state/job.json"
)

// state is all that a step needs from the ones before it.
type state struct {
	Step int `json:"step"`
	Sum  int `json:"sum"`
}

func load() (state, error) {
	var s state
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

// save replaces the file as a whole: a container that is killed meanwhile
// leaves the state before or after, never half of it.
func save(s state) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(file), "job.new")
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// work goes on where the last call stopped, for one slice of time.
func work(done <-chan struct{}) (state, error) {
	s, err := load()
	if err != nil {
		return s, err
	}
	end := time.After(slice)
	tick := time.NewTicker(stepTime)
	defer tick.Stop()
	for s.Step < steps {
		select {
		case <-done:
			return s, nil
		case <-end:
			return s, nil
		case <-tick.C:
		}
		s.Step++
		s.Sum += s.Step
		if err := save(s); err != nil {
			return s, err
		}
	}
	return s, nil
}

func report(w http.ResponseWriter, s state, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "step %d of %d, sum %d\n", s.Step, steps, s.Sum)
}

func main() {
	var one sync.Mutex // one slice at a time
	http.HandleFunc("POST /continue", func(w http.ResponseWriter, r *http.Request) {
		if !one.TryLock() {
			http.Error(w, "already at work", http.StatusConflict)
			return
		}
		defer one.Unlock()
		s, err := work(r.Context().Done())
		report(w, s, err)
	})
	http.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		s, err := load()
		report(w, s, err)
	})
	log.Fatal(http.ListenAndServe(":8080", nil))
}
