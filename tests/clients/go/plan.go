package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// kinds in the order in which the mix is laid out.
var kinds = []string{"hit", "miss", "wrong_key", "sync"}

// call is one call to make; without a key the metadata is left out.
type call struct {
	kind   string
	name   string
	key    string
	hasKey bool
}

// plan says which calls are made, in which order: a function of the seed alone,
// the same in all the clients (node/plan.js, raw/plan.py).
type plan struct {
	mutex  sync.Mutex
	state  uint32
	key    string
	known  map[string]bool
	names  []string
	total  float64
	bounds []float64
	left   int
}

func newPlan(in *input) (*plan, error) {
	p := &plan{state: in.Seed, key: in.Key, known: map[string]bool{}, left: in.Calls}
	for _, version := range in.Versions {
		for name := range version.Commands {
			p.known[name] = true
		}
	}
	for name := range p.known {
		p.names = append(p.names, name)
	}
	slices.Sort(p.names)
	for _, kind := range kinds {
		p.total += in.Mix[kind]
		p.bounds = append(p.bounds, p.total)
	}
	if !(p.total > 0) || len(p.names) == 0 {
		return nil, errors.New("the input has no mix or no commands")
	}
	return p, nil
}

// draw is mulberry32: uniform uint32 values from a 32-bit seed.
func (p *plan) draw() uint32 {
	p.state += 0x6d2b79f5
	mixed := (p.state ^ p.state>>15) * (p.state | 1)
	mixed ^= mixed + (mixed^mixed>>7)*(mixed|61)
	return mixed ^ mixed>>14
}

// next is the next call; false when the calls of the input are made and goOn says no.
func (p *plan) next(goOn func() bool) (call, bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.left <= 0 && !goOn() {
		return call{}, false
	}
	p.left--
	share := float64(p.draw()) / 4294967296 * p.total
	draw := p.draw()
	kind := kinds[slices.IndexFunc(p.bounds, func(bound float64) bool { return share < bound })]
	c := call{kind: kind, name: p.names[draw%uint32(len(p.names))], key: p.key, hasKey: true}
	switch kind {
	case "miss":
		c.name = p.missName(draw)
	case "wrong_key":
		c.key, c.hasKey = p.wrongKey(draw)
	}
	return c, true
}

// missName is a name that no version holds; the forms are those that a message may garble.
func (p *plan) missName(draw uint32) string {
	number := draw & 0xffff
	name := []string{
		fmt.Sprintf("missing_%d", number),
		fmt.Sprintf("missing ñ 世 %d", number),
		fmt.Sprintf("100%% missing %%41 %d", number),
		fmt.Sprintf("it's\tmissing \"%d\"", number),
		p.names[draw%uint32(len(p.names))] + "X",
	}[(draw>>16)%5]
	for p.known[name] {
		name += "_"
	}
	return name
}

// wrongKey is none at all, an empty one, one byte off, or one byte more.
func (p *plan) wrongKey(draw uint32) (string, bool) {
	last := "x"
	if len(p.key) > 0 && p.key[len(p.key)-1] == 'x' {
		last = "y"
	}
	off := last
	if len(p.key) > 0 {
		off = p.key[:len(p.key)-1] + last
	}
	form := (draw >> 16) % 4
	return []string{"", "", off, p.key + "x"}[form], form > 0
}
