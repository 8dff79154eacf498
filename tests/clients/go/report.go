package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

const samplesMax = 20

type callError struct {
	Kind    string `json:"kind"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type mismatch struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	What string `json:"what"`
}

type goneBack struct {
	Connection int    `json:"connection"`
	From       uint64 `json:"from"`
	To         uint64 `json:"to"`
}

// report is what a run found, in the form that the clients share.
type report struct {
	mutex   sync.Mutex
	started time.Time

	Client         string            `json:"client"`
	Calls          int               `json:"calls"`
	Hit            int               `json:"hit"`
	Miss           int               `json:"miss"`
	WrongKey       int               `json:"wrong_key"`
	Sync           int               `json:"sync"`
	Errors         []callError       `json:"errors"`
	ErrorCount     int               `json:"error_count"`
	ErrorCodes     map[string]int    `json:"error_codes"`
	Mismatches     []mismatch        `json:"mismatches"`
	MismatchCount  int               `json:"mismatch_count"`
	WentBackCount  int               `json:"generation_went_back"`
	WentBack       []goneBack        `json:"went_back"`
	Digests        map[string]int    `json:"digests"`
	LastGeneration uint64            `json:"last_generation"`
	Health         map[string]string `json:"health"`
	Seconds        float64           `json:"seconds"`
}

func newReport() *report {
	return &report{
		started: time.Now(), Client: "go", Errors: []callError{}, ErrorCodes: map[string]int{},
		Mismatches: []mismatch{}, WentBack: []goneBack{}, Digests: map[string]int{}, Health: map[string]string{},
	}
}

func (r *report) begin() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Calls++
}

func (r *report) right(kind string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	*map[string]*int{"hit": &r.Hit, "miss": &r.Miss, "wrong_key": &r.WrongKey, "sync": &r.Sync}[kind]++
}

func (r *report) error(kind, code, message string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.ErrorCount++
	r.ErrorCodes[code]++
	if len(r.Errors) < samplesMax {
		r.Errors = append(r.Errors, callError{kind, code, message})
	}
}

func (r *report) mismatch(c call, what string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.MismatchCount++
	if len(r.Mismatches) < samplesMax {
		r.Mismatches = append(r.Mismatches, mismatch{c.kind, c.name, what})
	}
}

func (r *report) version(generation uint64, digest string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Digests[digest]++
	r.LastGeneration = max(r.LastGeneration, generation)
}

func (r *report) back(connection int, from, to uint64) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.WentBackCount++
	if len(r.WentBack) < samplesMax {
		r.WentBack = append(r.WentBack, goneBack{connection, from, to})
	}
}

// print ends the program; whoever comes second waits for ever on the mutex.
func (r *report) print(code int) {
	r.mutex.Lock()
	r.Seconds = time.Since(r.started).Seconds()
	text, err := json.Marshal(r)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	fmt.Println(string(text))
	os.Exit(code)
}
