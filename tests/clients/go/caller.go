package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

const (
	authHeader    = "x-avap-auth"
	versionHeader = "avap-catalog-version"
	getMethod     = "/avap.DefinitionEngine/GetCommand"
	syncMethod    = "/avap.DefinitionEngine/SyncCatalog"
)

// answers are the statuses with which the appliance answers; with any other the call did not get an answer.
var answers = map[codes.Code]bool{
	codes.OK: true, codes.NotFound: true, codes.Unauthenticated: true, codes.InvalidArgument: true, codes.Unimplemented: true,
}

// connection is one channel and the newest generation seen on the TCP connection
// that it used last, known by its local address.
type connection struct {
	channel *grpc.ClientConn
	mutex   sync.Mutex
	local   string
	floor   uint64
}

type caller struct {
	contract    *contract
	versions    map[string]*version
	wire        string
	timeout     time.Duration
	waitReady   bool
	report      *report
	connections []*connection
}

func newCaller(in *input, c *contract, r *report) (*caller, error) {
	caller := &caller{contract: c, versions: map[string]*version{}, wire: in.Wire, report: r, waitReady: in.WaitForReady,
		timeout: time.Duration(in.CallTimeoutS * float64(time.Second))}
	for index := range in.Versions {
		caller.versions[in.Versions[index].Digest] = &in.Versions[index]
	}
	for range in.Connections {
		channel, err := grpc.NewClient("passthrough:///"+in.Target,
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy())
		if err != nil {
			return nil, err
		}
		channel.Connect()
		caller.connections = append(caller.connections, &connection{channel: channel})
	}
	return caller, nil
}

// make makes one call on one connection and enters its outcome in the report; whether it was answered.
func (c *caller) make(call call, index int) bool {
	connection := c.connections[index]
	method, request := syncMethod, []byte{}
	if call.kind != "sync" {
		var err error
		method = getMethod
		if request, err = c.contract.encodeRequest(call.name); err != nil {
			c.report.mismatch(call, "cannot encode the request: "+err.Error())
			return false
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	if call.hasKey {
		ctx = metadata.AppendToOutgoingContext(ctx, authHeader, call.key)
	}

	connection.mutex.Lock()
	local, floor := connection.local, connection.floor
	connection.mutex.Unlock()
	var reply []byte
	var header, trailer metadata.MD
	var other peer.Peer
	err := connection.channel.Invoke(ctx, method, request, &reply, grpc.ForceCodec(rawCodec{}),
		grpc.MaxCallRecvMsgSize(1<<31-1), grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&other), grpc.WaitForReady(c.waitReady))

	answer := status.Convert(err)
	if !answers[answer.Code()] {
		c.report.error(call.kind, codeName(answer.Code()), answer.Message())
		return false
	}
	text := strings.Join(header.Get(versionHeader), ", ")
	if text == "" { // a reply of trailers alone carries the header in them
		text = strings.Join(trailer.Get(versionHeader), ", ")
	}
	generation, digest, ok := parseVersion(text)
	if ok {
		c.report.version(generation, digest)
		if other.LocalAddr != nil {
			c.watch(index, local, floor, other.LocalAddr.String(), generation)
		}
	}
	fault := ""
	version := c.versions[digest]
	switch {
	case version == nil:
		fault = fmt.Sprintf("%s is %q, of no version in the input", versionHeader, text)
	case answer.Code() == codes.OK:
		fault = c.judgeReply(call, version, reply)
	default:
		fault = judgeRefusal(call, version, answer)
	}
	if fault == "" {
		c.report.right(call.kind)
	} else {
		c.report.mismatch(call, fault)
	}
	return true
}

// watch checks that a call begun after a reply was seen got no older generation on the same connection.
func (c *caller) watch(index int, local string, floor uint64, localNow string, generation uint64) {
	if local == localNow && generation < floor {
		c.report.back(index, floor, generation)
	}
	connection := c.connections[index]
	connection.mutex.Lock()
	defer connection.mutex.Unlock()
	if connection.local != localNow {
		connection.local, connection.floor = localNow, 0
	}
	connection.floor = max(connection.floor, generation)
}

func (c *caller) judgeReply(call call, v *version, reply []byte) string {
	switch call.kind {
	case "sync":
		return judgeSync(c.contract, v, reply, c.wire)
	case "hit":
		return judgeHit(c.contract, v, call.name, reply, c.wire)
	}
	return "answered OK"
}

func judgeRefusal(call call, v *version, answer *status.Status) string {
	_, held := v.Commands[call.name]
	code, message := codes.OK, ""
	switch {
	case call.kind == "wrong_key":
		code, message = codes.Unauthenticated, "Invalid Credentials"
	case call.kind == "miss", call.kind == "hit" && !held:
		code, message = codes.NotFound, fmt.Sprintf("Command '%s' not found", call.name)
	}
	if answer.Code() == code && answer.Message() == message {
		return ""
	}
	return fmt.Sprintf("%s %q", codeName(answer.Code()), answer.Message())
}

// codeName gives a code the name that the specification and the other clients use: NOT_FOUND for NotFound.
func codeName(code codes.Code) string {
	if code == codes.OK {
		return "OK"
	}
	var name strings.Builder
	for position, letter := range code.String() {
		if unicode.IsUpper(letter) && position > 0 {
			name.WriteByte('_')
		}
		name.WriteRune(unicode.ToUpper(letter))
	}
	if name.String() == "CANCELED" {
		return "CANCELLED"
	}
	return name.String()
}
