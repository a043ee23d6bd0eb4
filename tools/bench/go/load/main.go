// Command load is the one client of all peers. Like Envoy Gateway it is grpc-go; unlike it, it sends and receives
// serialized messages, so that its own work is the same small part of every figure.
//
// It reads one command per line (JSON) from stdin and writes one answer per line to stdout. A call that does not end
// with the status that is expected counts as failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

type command struct {
	Op     string `json:"op"`
	Target string `json:"target"`
	// Full method name.
	Method string `json:"method"`
	// File with the serialized request.
	Body     string `json:"body"`
	Calls    int    `json:"calls"`
	Warmup   int    `json:"warmup"`
	InFlight int    `json:"inFlight"`
	// Name of the status that each call must end with.
	Want string `json:"want"`
	// Of the TCP floor.
	RequestBytes  int `json:"requestBytes"`
	ResponseBytes int `json:"responseBytes"`
	// Of a whole translation.
	Phases []phase `json:"phases"`
	Prefix string  `json:"prefix"`
	Suffix string  `json:"suffix"`
	// File for the last response.
	Save string `json:"save"`
	// Of EDS.
	Connections int    `json:"connections"`
	Streams     int    `json:"streams"`
	Name        string `json:"name"`
}

type answer struct {
	Calls         int    `json:"calls"`
	Failed        int    `json:"failed"`
	Error         string `json:"error,omitempty"`
	P50           int64  `json:"p50Ns,omitempty"`
	P99           int64  `json:"p99Ns,omitempty"`
	Total         int64  `json:"totalNs,omitempty"`
	ResponseBytes int    `json:"responseBytes,omitempty"`
	// CLOCK_MONOTONIC, which Node's process.hrtime reads too.
	LastAt int64 `json:"lastAtNs,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	streams := &edsStreams{}
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			log.Fatal(err)
		}
		result, err := run(c, streams)
		if err != nil {
			result.Error, result.Failed = err.Error(), max(result.Failed, 1)
		}
		if err := out.Encode(result); err != nil {
			log.Fatal(err)
		}
	}
}

func run(c command, streams *edsStreams) (answer, error) {
	switch c.Op {
	case "calls":
		return calls(c)
	case "floor":
		return floor(c)
	case "translation":
		return translation(c)
	case "eds-open":
		return streams.open(c)
	case "eds-arm":
		return streams.arm()
	case "eds-wait":
		return streams.wait()
	case "eds-close":
		return streams.close()
	}
	return answer{}, fmt.Errorf("unknown op %q", c.Op)
}

func dial(target string) (*grpc.ClientConn, error) {
	return grpc.NewClient(target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(rawCodec{}),
			grpc.MaxCallRecvMsgSize(math.MaxInt32),
			grpc.MaxCallSendMsgSize(math.MaxInt32),
		),
	)
}

// rawCodec passes serialized messages ([]byte to send, *[]byte to receive) through.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	bytes, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("%T is not []byte", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(bytes)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	into, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is not *[]byte", v)
	}
	*into = data.Materialize()
	return nil
}

func summary(durations []time.Duration) (p50, p99 int64) {
	if len(durations) == 0 {
		return 0, 0
	}
	slices.Sort(durations)
	at := func(q float64) int64 { return int64(durations[int(q*float64(len(durations)-1))]) }
	return at(0.5), at(0.99)
}
