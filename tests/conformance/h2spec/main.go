// Command h2spec runs every case of summerwind/h2spec, the strict ones too, against one path of a server
// and prints what came of them as JSON:
//
//	h2spec HOST:PORT PATH TIMEOUT_S
//
// h2spec's own report goes to standard error. The exit code is 0 whatever the cases found.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"
)

const exitUsage = 2

// outcome is one case that did not pass.
type outcome struct {
	Case        string `json:"case"`
	Description string `json:"description"`
	Requirement string `json:"requirement"`
	Error       string `json:"error"`
}

type report struct {
	Passed  int       `json:"passed"`
	Failed  []outcome `json:"failed"`
	Skipped []outcome `json:"skipped"`
}

func (r *report) add(group *spec.TestGroup) {
	for _, one := range append(group.Tests, group.StrictTests...) {
		if one.Result == nil { // never run: what is wanted is that all are
			r.Skipped = append(r.Skipped, outcome{group.ID(), one.Desc, one.Requirement, "not run"})
			continue
		}
		if one.Result.Error == nil {
			r.Passed++
			continue
		}
		id := fmt.Sprintf("%s/%d", group.ID(), one.Result.Sequence)
		found := outcome{id, one.Desc, one.Requirement, one.Result.Error.Error()}
		if one.Result.Skipped {
			r.Skipped = append(r.Skipped, found)
		} else {
			r.Failed = append(r.Failed, found)
		}
	}
	for _, inner := range group.Groups {
		r.add(inner)
	}
}

func readConfig() (*config.Config, error) {
	if len(os.Args) != 4 {
		return nil, fmt.Errorf("usage: h2spec HOST:PORT PATH TIMEOUT_S")
	}
	host, portText, err := net.SplitHostPort(os.Args[1])
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, err
	}
	timeout, err := strconv.ParseFloat(os.Args[3], 64)
	if err != nil {
		return nil, err
	}
	return &config.Config{
		Host: host, Port: port, Path: os.Args[2], Strict: true,
		Timeout:      time.Duration(timeout * float64(time.Second)),
		MaxHeaderLen: 4000, // h2spec's own default
	}, nil
}

func main() {
	options, err := readConfig()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	stdout := os.Stdout
	os.Stdout = os.Stderr
	found := report{Failed: []outcome{}, Skipped: []outcome{}}
	for _, group := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		group.Test(options)
		found.add(group)
	}
	if err := json.NewEncoder(stdout).Encode(found); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
}
