// DefinitionEngine on grpc-go: `server CATALOG VERSION WORKERS`, the key in API_KEY.
// Prints its address when it listens, ends on SIGTERM and when its standard input closes.
package main

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

type engine struct {
	catalog []byte
	records map[string][]byte
	version metadata.MD
	key     []byte
}

func main() {
	workers, err := strconv.Atoi(os.Args[3])
	check(err)
	runtime.GOMAXPROCS(workers)
	catalog, err := os.ReadFile(os.Args[1])
	check(err)
	served := &engine{
		catalog: catalog,
		records: make(map[string][]byte),
		version: metadata.Pairs("avap-catalog-version", os.Args[2]),
		key:     []byte(os.Getenv("API_KEY")),
	}
	for rest := catalog; len(rest) > 0; {
		_, _, tag := protowire.ConsumeTag(rest)
		record, length := protowire.ConsumeBytes(rest[max(tag, 0):])
		check(protowire.ParseError(min(tag, length)))
		served.records[firstField(record)] = record
		rest = rest[tag+length:]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "avap.DefinitionEngine",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "GetCommand", Handler: served.unary((*engine).getCommand)},
			{MethodName: "SyncCatalog", Handler: served.unary((*engine).syncCatalog)},
		},
	}, served)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Println(listener.Addr())
	check(server.Serve(listener))
}

func (e *engine) getCommand(request []byte) ([]byte, error) {
	name := firstField(request)
	record, found := e.records[name]
	if !found {
		return nil, status.Errorf(codes.NotFound, "Command '%s' not found", name)
	}
	return record, nil
}

func (e *engine) syncCatalog([]byte) ([]byte, error) {
	return e.catalog, nil
}

// unary is what generated code does around a method, with the version's header and the key's check.
func (e *engine) unary(method func(*engine, []byte) ([]byte, error)) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var request []byte
		if err := decode(&request); err != nil {
			return nil, err
		}
		if err := grpc.SetHeader(ctx, e.version); err != nil {
			return nil, err
		}
		given := metadata.ValueFromIncomingContext(ctx, "x-avap-auth")
		if len(given) != 1 || subtle.ConstantTimeCompare([]byte(given[0]), e.key) == 0 {
			return nil, status.Error(codes.Unauthenticated, "Invalid Credentials")
		}
		return method(e, request)
	}
}

// rawCodec passes messages as bytes, so that records are sent as they were encoded.
type rawCodec struct{}

func (rawCodec) Marshal(message any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(message.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, message any) error {
	*message.(*[]byte) = data.Materialize()
	return nil
}

func (rawCodec) Name() string { return "proto" }

// firstField is the field that both CommandRequest and CommandDefinition have their name in; "" when it is not there.
func firstField(message []byte) string {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return ""
		}
		if number == 1 && kind == protowire.BytesType {
			name, _ := protowire.ConsumeString(message[tag:])
			return name
		}
		value := protowire.ConsumeFieldValue(number, kind, message[tag:])
		if value < 0 {
			return ""
		}
		message = message[tag+value:]
	}
	return ""
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
