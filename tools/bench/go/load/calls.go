package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

const callDeadline = time.Minute

func call(conn *grpc.ClientConn, method string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callDeadline)
	defer cancel()
	var response []byte
	err := conn.Invoke(ctx, method, body, &response)
	return response, err
}

// calls makes one call many times: serially, or with some in flight, on one connection.
func calls(c command) (answer, error) {
	body, err := os.ReadFile(c.Body)
	if err != nil {
		return answer{}, err
	}
	conn, err := dial(c.Target)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	result := answer{Calls: c.Calls}
	attempt := func() ([]byte, error) {
		response, err := call(conn, c.Method, body)
		if got := status.Code(err).String(); got != c.Want {
			return nil, fmt.Errorf("%s, not %s: %v", got, c.Want, err)
		}
		return response, nil
	}
	for range c.Warmup {
		if _, err := attempt(); err != nil {
			return result, fmt.Errorf("warm-up: %w", err)
		}
	}
	durations := make([]time.Duration, c.Calls)
	var next, failed, bytes atomic.Int64
	var firstError atomic.Value
	var workers sync.WaitGroup
	started := time.Now()
	for range c.InFlight {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(c.Calls); i = next.Add(1) - 1 {
				begun := time.Now()
				response, err := attempt()
				durations[i] = time.Since(begun)
				if err != nil {
					failed.Add(1)
					firstError.CompareAndSwap(nil, err.Error())
				}
				bytes.Store(int64(len(response)))
			}
		})
	}
	workers.Wait()
	result.Total = int64(time.Since(started))
	result.Failed = int(failed.Load())
	result.ResponseBytes = int(bytes.Load())
	result.Error, _ = firstError.Load().(string)
	result.P50, result.P99 = summary(durations)
	return result, nil
}

// floor makes serial round trips of the same sizes over plain TCP.
func floor(c command) (answer, error) {
	conn, err := net.Dial("tcp", c.Target)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	request := make([]byte, 8+c.RequestBytes)
	binary.BigEndian.PutUint32(request, uint32(c.ResponseBytes))
	binary.BigEndian.PutUint32(request[4:], uint32(c.RequestBytes))
	response := make([]byte, c.ResponseBytes)
	durations := make([]time.Duration, 0, c.Calls)
	started := time.Now()
	for i := range c.Warmup + c.Calls {
		if i == c.Warmup {
			started = time.Now()
		}
		begun := time.Now()
		if _, err := conn.Write(request); err != nil {
			return answer{}, err
		}
		if _, err := io.ReadFull(conn, response); err != nil {
			return answer{}, err
		}
		if i >= c.Warmup {
			durations = append(durations, time.Since(begun))
		}
	}
	total := int64(time.Since(started))
	p50, p99 := summary(durations)
	return answer{Calls: c.Calls, P50: p50, P99: p99, Total: total, ResponseBytes: c.ResponseBytes}, nil
}
