package simulate

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"
)

// The measures of a picture, in pixels.
const (
	pictureWidth = 1000
	leftEdge     = 60
	rightEdge    = 60
	panelHeight  = 150
	panelGap     = 54
	headHeight   = 64
	footHeight   = 34
	maxPanels    = 20
)

// line is one curve of a panel, with a value for each tick.
type line struct {
	name, colour string
	filled       bool
	steps        bool
	values       []float64
}

// panel is one chart: lines by the left scale, and one by the right.
type panel struct {
	title string
	left  []line
	right []line
}

// WriteSVG draws instances and load over time as a picture that needs nothing
// else: memory of all nodes first, then the components with most requests.
func (r *Result) WriteSVG(out io.Writer) error {
	panels := []panel{r.memoryPanel()}
	chosen := slices.Clone(r.Components)
	slices.SortStableFunc(chosen, func(a, b *ComponentResult) int { return cmp.Compare(b.Requests, a.Requests) })
	left := max(0, len(chosen)-maxPanels)
	for _, c := range chosen[:len(chosen)-left] {
		panels = append(panels, r.componentPanel(c))
	}
	height := headHeight + len(panels)*(panelHeight+panelGap) + footHeight
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		pictureWidth, height, pictureWidth, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", pictureWidth, height)
	text(&b, leftEdge, 26, "start", 16, fmt.Sprintf("%s from %s", duration(r.Length), r.Start.UTC().Format("2006-01-02 15:04:05 MST")))
	text(&b, leftEdge, 46, "start", 12, fmt.Sprintf("%d requests, %d cold, %d refused, %d failed; %d starts; queue p50 %s, p99 %s; %.2f GiB-hours",
		r.Totals.Requests, r.Totals.Cold, r.Totals.Refused, r.Totals.Failed, r.Totals.Starts,
		millis(r.Totals.Queue.P50), millis(r.Totals.Queue.P99), r.MemoryGiBHours))
	for k, p := range panels {
		p.draw(&b, r, float64(headHeight+k*(panelHeight+panelGap)+20))
	}
	if left > 0 {
		text(&b, leftEdge, float64(height-12), "start", 12, fmt.Sprintf("%d more components with fewer requests are left out", left))
	}
	b.WriteString("</svg>\n")
	_, err := out.Write(b.Bytes())
	return err
}

// WriteHTML is WriteSVG in a page.
func (r *Result) WriteHTML(out io.Writer) error {
	if _, err := io.WriteString(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"/><title>maelctl simulate</title></head>\n<body>\n"); err != nil {
		return err
	}
	if err := r.WriteSVG(out); err != nil {
		return err
	}
	_, err := io.WriteString(out, "</body>\n</html>\n")
	return err
}

func duration(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond).String()
}

func millis(ms float64) string { return strconv.FormatFloat(ms, 'f', -1, 64) + " ms" }

func (r *Result) memoryPanel() panel {
	used, there := make([]float64, len(r.Ticks)), make([]float64, len(r.Ticks))
	for k, t := range r.Ticks {
		for _, n := range t.Nodes {
			used[k] += float64(n.ReservedMiB) / 1024
			if n.State != "down" {
				there[k] += float64(n.MemoryMiB) / 1024
			}
		}
	}
	return panel{title: "memory of all nodes", left: []line{
		{name: "GiB there are", colour: "#bbb", steps: true, values: there},
		{name: "GiB reserved", colour: "#4c78a8", steps: true, filled: true, values: used},
	}}
}

func (r *Result) componentPanel(c *ComponentResult) panel {
	n := len(r.Ticks)
	ready, wanted, load, rate := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range r.Ticks {
		ct := r.Ticks[k].of(c.Component)
		ready[k], wanted[k], load[k] = float64(ct.Ready), float64(ct.Ready+ct.Starting), ct.Load
		rate[k] = float64(ct.Requests) / r.TickTime
	}
	title := fmt.Sprintf("%s: %d requests, %d cold, %d refused, %d failed; %d starts; queue p99 %s",
		c.Component, c.Requests, c.Cold, c.Refused, c.Failed, c.Starts, millis(c.Queue.P99))
	return panel{
		title: title,
		left: []line{
			{name: "starting", colour: "#f58518", steps: true, filled: true, values: wanted},
			{name: "instances ready", colour: "#54a24b", steps: true, filled: true, values: ready},
		},
		right: []line{
			{name: "in flight and waiting", colour: "#e45756", values: load},
			{name: "requests per second", colour: "#4c78a8", values: rate},
		},
	}
}

// of is what a tick tells of a component; zero: nothing.
func (t *Tick) of(component string) ComponentTick {
	k, ok := slices.BinarySearchFunc(t.Components, component, func(c ComponentTick, name string) int { return cmp.Compare(c.Component, name) })
	if !ok {
		return ComponentTick{}
	}
	return t.Components[k]
}

func (p *panel) draw(b *bytes.Buffer, r *Result, top float64) {
	text(b, leftEdge, top-6, "start", 13, p.title)
	bottom := top + panelHeight
	fmt.Fprintf(b, `<rect x="%d" y="%.1f" width="%d" height="%d" fill="#fafafa" stroke="#ddd"/>`+"\n", leftEdge, top, pictureWidth-leftEdge-rightEdge, panelHeight)
	legend := float64(leftEdge)
	for side, lines := range [][]line{p.left, p.right} {
		scale := nice(most(lines))
		for _, l := range lines {
			l.draw(b, r, top, scale)
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="10" height="10" fill="%s"/>`+"\n", legend, bottom+22, l.colour)
			name := l.name
			if side == 1 {
				name += " (right)"
			}
			text(b, legend+14, bottom+31, "start", 11, name)
			legend += 30 + 6.2*float64(len(name))
		}
		if len(lines) > 0 {
			at, anchor := float64(leftEdge-6), "end"
			if side == 1 {
				at, anchor = pictureWidth-rightEdge+6, "start"
			}
			text(b, at, top+10, anchor, 11, strconv.FormatFloat(scale, 'g', 4, 64))
			text(b, at, bottom, anchor, 11, "0")
		}
	}
	for k := range 6 {
		at := r.Length * float64(k) / 5
		text(b, abscissa(r, at), bottom+14, "middle", 11, duration(at))
	}
}

func (l *line) draw(b *bytes.Buffer, r *Result, top, scale float64) {
	bottom := top + panelHeight
	var path bytes.Buffer
	last := 0.0
	for k, v := range l.values {
		x, y := abscissa(r, r.Ticks[k].At), bottom-v/scale*panelHeight
		switch {
		case k == 0 && l.filled:
			fmt.Fprintf(&path, "M%d %.1fV%.1fH%.1f", leftEdge, bottom, y, x)
		case k == 0:
			fmt.Fprintf(&path, "M%d %.1fL%.1f %.1f", leftEdge, y, x, y)
		case l.steps && v == l.values[k-1] && k+1 < len(l.values):
			continue
		case l.steps:
			fmt.Fprintf(&path, "H%.1fV%.1f", x, y)
		default:
			fmt.Fprintf(&path, "L%.1f %.1f", x, y)
		}
		last = x
	}
	if l.filled && len(l.values) > 0 {
		fmt.Fprintf(b, `<path d="%sH%.1fV%.1fZ" fill="%s" fill-opacity="0.45"/>`+"\n", path.String(), last, bottom, l.colour)
		return
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", path.String(), l.colour)
}

// abscissa is where a time is.
func abscissa(r *Result, at float64) float64 {
	return leftEdge + at/r.Length*(pictureWidth-leftEdge-rightEdge)
}

func most(lines []line) float64 {
	top := 0.0
	for _, l := range lines {
		for _, v := range l.values {
			top = max(top, v)
		}
	}
	return top
}

// nice is a round number that is at least v.
func nice(v float64) float64 {
	if v <= 1 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, times := range []float64{1, 2, 5, 10} {
		if v <= times*unit {
			return times * unit
		}
	}
	return v
}

func text(b *bytes.Buffer, x, y float64, anchor string, size int, words string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d">`, x, y, anchor, size)
	_ = xml.EscapeText(b, []byte(words)) // a Buffer takes everything
	b.WriteString("</text>\n")
}
