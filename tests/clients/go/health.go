package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// probe is the standard health probe with the stubs that grpc-go publishes.
// A status is "SERVING" or what went wrong.
func probe(connection *grpc.ClientConn, timeout time.Duration) map[string]string {
	client := healthpb.NewHealthClient(connection)
	answers := map[string]string{}
	for _, service := range []string{"", "avap.DefinitionEngine"} {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		reply, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: service})
		answers[service] = healthText(reply, err)
		cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		answers["watch"] = healthText(nil, err)
		return answers
	}
	reply, err := stream.Recv()
	answers["watch"] = healthText(reply, err)
	return answers
}

func healthText(reply *healthpb.HealthCheckResponse, err error) string {
	if err != nil {
		return status.Convert(err).Message()
	}
	return reply.GetStatus().String()
}
