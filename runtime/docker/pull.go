package docker

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// How long a pull may bring nothing until it is given up.
const (
	// registrySilence is while the registry should send. The engine's own tries
	// to ask again don't count as something.
	registrySilence = 20 * time.Second

	// engineSilence is while the engine works: it unpacks, or makes the pull
	// wait for others.
	engineSilence = 2 * time.Minute
)

// transfer is how far the layers of one pull have come, from the engine's
// messages.
type transfer struct {
	layers map[string]*layer
	best   int // percents told so far
}

type layer struct {
	status         string
	current, total int64
}

// pullMessage is one line of the engine's answer.
type pullMessage struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Error    string `json:"error"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
}

// readPull reads the answer to a pull to its end: the pull lasts as long as it,
// and most errors are told in it. step is called whenever something came.
func readPull(stream io.Reader, step func(percent int, patience time.Duration)) error {
	t := transfer{layers: map[string]*layer{}}
	messages := json.NewDecoder(stream)
	for {
		var m pullMessage
		switch err := messages.Decode(&m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case m.Error != "":
			return errors.New(m.Error)
		}
		if t.take(m) {
			step(t.percent(), t.patience())
		}
	}
}

// take tells whether m brought the pull forward.
func (t *transfer) take(m pullMessage) bool {
	if strings.HasPrefix(m.Status, "Retrying") {
		return false
	}
	if m.ID == "" || strings.HasPrefix(m.Status, "Pulling from") {
		return true
	}
	l := t.layers[m.ID]
	if l == nil {
		l = &layer{}
		t.layers[m.ID] = l
	}
	moved := l.status != m.Status || l.current != m.Progress.Current
	l.status, l.current = m.Status, m.Progress.Current
	l.total = max(l.total, m.Progress.Total)
	return moved
}

// patience is how long the next step may take. The registry is to blame for
// silence before there are layers, and while one is being downloaded.
func (t *transfer) patience() time.Duration {
	if len(t.layers) == 0 {
		return registrySilence
	}
	for _, l := range t.layers {
		if l.status == "Pulling fs layer" || l.status == "Downloading" {
			return registrySilence
		}
	}
	return engineSilence
}

// downloadShare is the part of a layer's work that is its download.
const downloadShare = 0.8

// percent counts layers by their size, those of unknown size as the mean of
// the others. It never falls.
func (t *transfer) percent() int {
	var known, sum float64
	for _, l := range t.layers {
		if l.total > 0 {
			known++
			sum += float64(l.total)
		}
	}
	mean := 1.0
	if known > 0 {
		mean = sum / known
	}
	var done, all float64
	for _, l := range t.layers {
		weight := mean
		if l.total > 0 {
			weight = float64(l.total)
		}
		all += weight
		done += weight * l.done()
	}
	if all > 0 {
		t.best = max(t.best, min(int(100*done/all), 99))
	}
	return t.best
}

// done is how much of the layer's work is done, from 0 to 1.
func (l *layer) done() float64 {
	part := 0.0
	if l.total > 0 {
		part = min(float64(l.current)/float64(l.total), 1)
	}
	switch l.status {
	case "Already exists", "Pull complete":
		return 1
	case "Downloading":
		return downloadShare * part
	case "Extracting":
		return downloadShare + (1-downloadShare)*part
	case "Verifying Checksum", "Download complete":
		return downloadShare
	}
	return 0
}
