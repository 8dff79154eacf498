// Ask an AVAP Appliance for one command, then for all of them: grpc-go, stubs generated from avap.proto.
//
//	go run . NAME      the key in API_KEY, the address in AVAP_TARGET (127.0.0.1:50051)
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"avap.invalid/example/avappb"
)

func main() {
	log.SetFlags(0)
	name := "addVar"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	target := os.Getenv("AVAP_TARGET")
	if target == "" {
		target = "127.0.0.1:50051"
	}
	connection, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		// A catalogue is one message; the default limit is 4 MiB.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	engine := avappb.NewDefinitionEngineClient(connection)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-avap-auth", os.Getenv("API_KEY"))

	var headers metadata.MD
	command, err := engine.GetCommand(ctx, &avappb.CommandRequest{Name: name}, grpc.Header(&headers))
	if err != nil {
		log.Fatalf("%s: %s", status.Code(err), status.Convert(err).Message())
	}
	fmt.Println(command.GetCode())

	catalog, err := engine.SyncCatalog(ctx, &avappb.Empty{})
	if err != nil {
		log.Fatalf("%s: %s", status.Code(err), status.Convert(err).Message())
	}
	fmt.Printf("# %s of %d commands, version %s\n",
		command.GetName(), len(catalog.GetCommands()), headers.Get("avap-catalog-version")[0])
}
