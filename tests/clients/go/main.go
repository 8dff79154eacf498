// Command testclient is a grpc-go client of the appliance that checks every
// byte of every reply. Input and output are described in ../README.md.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	exitUsage    = 2
	exitDeadline = 3
	errorPause   = 10 * time.Millisecond // a server that is away is not asked in a tight loop
)

// version is what the appliance may answer from one version; JSON's base64 texts become bytes.
type version struct {
	Digest   string            `json:"digest"`
	Commands map[string][]byte `json:"commands"`
	SyncBody []byte            `json:"sync_body"`
}

type input struct {
	Target           string             `json:"target"`
	Key              string             `json:"key"`
	Calls            int                `json:"calls"`
	Seed             uint32             `json:"seed"`
	Connections      int                `json:"connections"`
	Concurrency      int                `json:"concurrency"`
	Wire             string             `json:"wire"`
	Mix              map[string]float64 `json:"mix"`
	Versions         []version          `json:"versions"`
	DeadlineS        float64            `json:"deadline_s"`
	CallTimeoutS     float64            `json:"call_timeout_s"`
	WaitForReady     bool               `json:"wait_for_ready"`
	UntilStdinCloses bool               `json:"until_stdin_closes"`
	ProtoDir         string             `json:"proto_dir"`
}

func readInput() (*input, error) {
	if len(os.Args) != 2 {
		return nil, fmt.Errorf("usage: testclient INPUT.json")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return nil, err
	}
	in := &input{Seed: 1, Wire: "standard", DeadlineS: 120, CallTimeoutS: 10, ProtoDir: "../../../proto"}
	return in, json.Unmarshal(text, in)
}

func run() error {
	in, err := readInput()
	if err != nil {
		return err
	}
	contract, err := loadContract(in.ProtoDir, in.Wire)
	if err != nil {
		return err
	}
	plan, err := newPlan(in)
	if err != nil {
		return err
	}
	report := newReport()
	caller, err := newCaller(in, contract, report)
	if err != nil {
		return err
	}
	time.AfterFunc(time.Duration(in.DeadlineS*float64(time.Second)), func() { report.print(exitDeadline) })

	report.Health = probe(caller.connections[0].channel, caller.timeout)
	for service, answer := range report.Health {
		if answer != "SERVING" {
			report.error("health", answer, service)
		}
	}
	var goOn atomic.Bool
	if in.UntilStdinCloses {
		goOn.Store(true)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			goOn.Store(false)
		}()
	}
	var lanes sync.WaitGroup
	for index := range in.Concurrency {
		lanes.Go(func() {
			for {
				call, more := plan.next(goOn.Load)
				if !more {
					return
				}
				report.begin()
				if !caller.make(call, index%in.Connections) {
					time.Sleep(errorPause)
				}
			}
		})
	}
	lanes.Wait()
	report.print(0)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
}
