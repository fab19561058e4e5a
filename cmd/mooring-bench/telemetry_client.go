package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// telemetryClient subscribes to bindings, and reads them with a name and a password as a collector does.
type telemetryClient struct {
	gpb.GNMIClient
	conn  *grpc.ClientConn
	whole bool // bindings are asked for, and not their leaves: the peer keeps nothing that is smaller
}

func dialTelemetry(at served, whole bool) (*telemetryClient, error) {
	conn, err := grpc.NewClient(at.GNMI,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})), // a process of ours, on loopback
		grpc.WithPerRPCCredentials(login{"username": at.User, "password": at.Password}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return nil, fmt.Errorf("gNMI at %s: %w", at.GNMI, err)
	}
	return &telemetryClient{gpb.NewGNMIClient(conn), conn, whole}, nil
}

// Close ends all streams.
func (c *telemetryClient) Close() error { return c.conn.Close() }

type login map[string]string

func (l login) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return l, nil
}

func (login) RequireTransportSecurity() bool { return true }

// subscribe asks for the leaves of all bindings, or of the one with that id.
func (c *telemetryClient) subscribe(ctx context.Context, mode gpb.SubscriptionList_Mode, id string, options ...grpc.CallOption) (gpb.GNMI_SubscribeClient, error) {
	stream, err := c.Subscribe(ctx, options...)
	if err != nil {
		return nil, err
	}
	list := &gpb.SubscriptionList{Mode: mode, Encoding: gpb.Encoding_PROTO, Prefix: benchPath(id)}
	list.Prefix.Target = benchTarget
	add := func(elems ...*gpb.PathElem) {
		list.Subscription = append(list.Subscription, &gpb.Subscription{Path: &gpb.Path{Elem: elems}, Mode: gpb.SubscriptionMode_ON_CHANGE})
	}
	if c.whole {
		add()
	} else {
		for _, leaf := range telemetryLeaves {
			add(&gpb.PathElem{Name: leaf})
		}
	}
	return stream, stream.Send(&gpb.SubscribeRequest{Request: &gpb.SubscribeRequest_Subscribe{Subscribe: list}})
}

// untilSync decodes what is told up to the sync_response, which has to be n bindings.
func untilSync(stream gpb.GNMI_SubscribeClient, n int) error {
	for leaves := 0; ; {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		if m.GetSyncResponse() {
			if leaves != n*len(telemetryLeaves) {
				err = fmt.Errorf("%d leaves were told, want %d of each of %d bindings", leaves, len(telemetryLeaves), n)
			}
			return err
		}
		leaves += len(m.GetUpdate().GetUpdate())
	}
}

// once asks for all bindings in mode ONCE and decodes them.
func (c *telemetryClient) once(ctx context.Context, id string, n int) error {
	stream, err := c.subscribe(ctx, gpb.SubscriptionList_ONCE, id)
	if err != nil {
		return err
	}
	if err := untilSync(stream, n); err != nil {
		return err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream does not end: %v", err)
	}
	return nil
}

// count asks for all bindings and counts messages until all have come: one for each binding, and the sync_response.
func (c *telemetryClient) count(ctx context.Context, mode gpb.SubscriptionList_Mode, n int) error {
	stream, err := c.subscribe(ctx, mode, "*", grpc.ForceCodecV2(countingCodec{encoding.GetCodecV2(protocodec.Name)}))
	if err != nil {
		return err
	}
	var got counted
	for got.messages < n+1 {
		if err := stream.RecvMsg(&got); err != nil {
			return fmt.Errorf("%d messages of %d octets for %d bindings: %w", got.messages, got.octets, n, err)
		}
	}
	if got.octets < n*100 {
		return fmt.Errorf("%d octets are too few for %d bindings", got.octets, n)
	}
	return nil
}

// first subscribes to all bindings on change and cancels when the first message has come.
func (c *telemetryClient) first(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.subscribe(ctx, gpb.SubscriptionList_STREAM, "*")
	if err == nil {
		_, err = stream.Recv()
	}
	return err
}

// keyed asks for one binding with Get.
func (c *telemetryClient) keyed(ctx context.Context, id string) error {
	resp, err := c.Get(ctx, &gpb.GetRequest{Path: []*gpb.Path{benchPath(id)}, Encoding: gpb.Encoding_PROTO})
	if err == nil && len(resp.GetNotification()[0].GetUpdate()) < len(telemetryLeaves) {
		err = fmt.Errorf("binding %s has %d leaves", id, len(resp.GetNotification()[0].GetUpdate()))
	}
	return err
}

// counted is a message of which nothing is kept.
type counted struct{ messages, octets int }

// countingCodec takes messages into a counted without decoding them.
type countingCodec struct{ encoding.CodecV2 }

func (c countingCodec) Unmarshal(data mem.BufferSlice, v any) error {
	to, ok := v.(*counted)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	to.messages++
	to.octets += data.Len()
	return nil
}
