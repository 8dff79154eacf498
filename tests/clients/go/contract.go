package main

import (
	"context"
	"fmt"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// contract is the wire contract as the .proto file states it. The two forms give
// the same names to different messages, so that generated code of both cannot
// live in one program: the messages are made from descriptors.
type contract struct {
	request protoreflect.MessageDescriptor
	get     protoreflect.MessageDescriptor
	sync    protoreflect.MessageDescriptor
}

func loadContract(dir, wire string) (*contract, error) {
	name := "avap.proto"
	if wire == "lite" {
		name = "avap_lite.proto"
	}
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{dir}}}
	files, err := compiler.Compile(context.Background(), name)
	if err != nil {
		return nil, err
	}
	service := files[0].Services().ByName("DefinitionEngine")
	if service == nil {
		return nil, fmt.Errorf("%s has no service DefinitionEngine", name)
	}
	get, sync := service.Methods().ByName("GetCommand"), service.Methods().ByName("SyncCatalog")
	if get == nil || sync == nil {
		return nil, fmt.Errorf("%s lacks a method", name)
	}
	return &contract{request: get.Input(), get: get.Output(), sync: sync.Output()}, nil
}

func (c *contract) encodeRequest(name string) ([]byte, error) {
	request := dynamicpb.NewMessage(c.request)
	request.Set(c.request.Fields().ByName("name"), protoreflect.ValueOfString(name))
	return proto.Marshal(request)
}

func decode(descriptor protoreflect.MessageDescriptor, bytes []byte) (protoreflect.Message, error) {
	message := dynamicpb.NewMessage(descriptor)
	return message, proto.Unmarshal(bytes, message)
}

func field(message protoreflect.Message, name protoreflect.Name) protoreflect.Value {
	return message.Get(message.Descriptor().Fields().ByName(name))
}

// rawCodec hands the message's bytes through; as "proto" the content type on the
// wire stays application/grpc+proto.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(message any) ([]byte, error) {
	bytes, ok := message.([]byte)
	if !ok {
		return nil, fmt.Errorf("rawCodec: %T is not bytes", message)
	}
	return bytes, nil
}

func (rawCodec) Unmarshal(bytes []byte, message any) error {
	target, ok := message.(*[]byte)
	if !ok {
		return fmt.Errorf("rawCodec: %T is not a pointer to bytes", message)
	}
	*target = append([]byte(nil), bytes...) // grpc-go reuses its buffer
	return nil
}
