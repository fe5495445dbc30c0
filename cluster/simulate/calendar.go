package simulate

import "time"

// kind says what is due.
type kind uint8

const (
	arrival  kind = iota // n: of the load
	finish               // of a request on an instance
	started              // an instance is ready
	quiet                // an instance that drains may have nothing more to do
	cutOff               // an instance that drains is given no more time
	stopped              // a container is gone
	overdue              // the oldest request of a queue may have waited for long enough
	incident             // n: of the scenario's events
	silent               // a dead node is not heard
	unknown              // the load of a dead node is not known
	lost                 // a dead node counts as lost
	plan
	sample
)

// due is something that will happen. Those of one time happen in the order in
// which they were noted.
type due struct {
	at   time.Duration
	turn uint64
	kind kind
	n    int
	i    *instance
	q    *queue
	node *node
	r    request
}

func (d *due) before(o *due) bool { return d.at < o.at || d.at == o.at && d.turn < o.turn }

// calendar is a heap of what is due.
type calendar struct {
	list []due
	turn uint64
}

func (c *calendar) add(d due) {
	c.turn++
	d.turn = c.turn
	c.list = append(c.list, d)
	for k := len(c.list) - 1; k > 0; {
		up := (k - 1) / 2
		if !c.list[k].before(&c.list[up]) {
			break
		}
		c.list[k], c.list[up] = c.list[up], c.list[k]
		k = up
	}
}

func (c *calendar) take() due {
	first := c.list[0]
	last := len(c.list) - 1
	c.list[0] = c.list[last]
	c.list[last] = due{}
	c.list = c.list[:last]
	for k := 0; ; {
		down := 2*k + 1
		if down >= last {
			return first
		}
		if down+1 < last && c.list[down+1].before(&c.list[down]) {
			down++
		}
		if !c.list[down].before(&c.list[k]) {
			return first
		}
		c.list[k], c.list[down] = c.list[down], c.list[k]
		k = down
	}
}
