package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const (
	deltaMethod    = "/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints"
	assignmentType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	edsDeadline    = 30 * time.Second
)

// edsStreams are Delta EDS streams, as Envoy opens one for each cluster; each acknowledges what it receives.
type edsStreams struct {
	conns  []*grpc.ClientConn
	cancel context.CancelFunc
	count  int
	// Of the round that runs: a round ends when each stream has received one response.
	mu       sync.Mutex
	received int
	bytes    int
	lastAt   int64
	done     chan struct{}
	broken   atomic.Value
}

func (s *edsStreams) open(c command) (answer, error) {
	if s.count > 0 {
		return answer{}, errors.New("streams are open")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.count = cancel, c.Streams
	s.begin()
	for range c.Connections {
		conn, err := dial(c.Target)
		if err != nil {
			return answer{}, err
		}
		s.conns = append(s.conns, conn)
	}
	for i := range c.Streams {
		description := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
		stream, err := s.conns[i%len(s.conns)].NewStream(ctx, description, deltaMethod)
		if err != nil {
			return answer{}, err
		}
		first := &discovery.DeltaDiscoveryRequest{TypeUrl: assignmentType, ResourceNamesSubscribe: []string{c.Name}}
		if err := send(stream, first); err != nil {
			return answer{}, err
		}
		go s.follow(ctx, stream)
	}
	return s.wait()
}

func send(stream grpc.ClientStream, request *discovery.DeltaDiscoveryRequest) error {
	bytes, err := proto.Marshal(request)
	if err != nil {
		return err
	}
	return stream.SendMsg(bytes)
}

func (s *edsStreams) follow(ctx context.Context, stream grpc.ClientStream) {
	for {
		var bytes []byte
		err := stream.RecvMsg(&bytes)
		at := monotonic()
		var response discovery.DeltaDiscoveryResponse
		if err == nil {
			err = proto.Unmarshal(bytes, &response)
		}
		if err == nil {
			err = send(stream, &discovery.DeltaDiscoveryRequest{TypeUrl: assignmentType, ResponseNonce: response.GetNonce()})
		}
		if err != nil {
			if ctx.Err() == nil {
				s.broken.CompareAndSwap(nil, err.Error())
			}
			return
		}
		s.mu.Lock()
		s.received++
		s.bytes += len(bytes)
		s.lastAt = max(s.lastAt, at)
		if s.received == s.count {
			close(s.done)
		}
		s.mu.Unlock()
	}
}

func (s *edsStreams) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received, s.bytes, s.lastAt, s.done = 0, 0, 0, make(chan struct{})
}

// arm begins a round: what is received from now on counts.
func (s *edsStreams) arm() (answer, error) {
	s.begin()
	return answer{Calls: s.count}, nil
}

// wait ends when each stream has received a response.
func (s *edsStreams) wait() (answer, error) {
	select {
	case <-s.done:
	case <-time.After(edsDeadline):
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	result := answer{Calls: s.count, Failed: s.count - s.received, ResponseBytes: s.bytes / max(s.received, 1), LastAt: s.lastAt}
	if broken, ok := s.broken.Load().(string); ok {
		return result, errors.New(broken)
	}
	if s.received != s.count {
		return result, fmt.Errorf("%d of %d streams received a response", s.received, s.count)
	}
	return result, nil
}

func (s *edsStreams) close() (answer, error) {
	if s.cancel != nil {
		s.cancel()
	}
	for _, conn := range s.conns {
		conn.Close()
	}
	*s = edsStreams{}
	return answer{}, nil
}

func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}
