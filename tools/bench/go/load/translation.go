package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

// phase is one hook that Envoy Gateway calls for many resources, one after the other.
type phase struct {
	Method string `json:"method"`
	// File with the requests, each behind its length (4 bytes, big endian).
	Bodies string `json:"bodies"`
	// The answers are the clusters of the Translation request.
	Clusters bool `json:"clusters"`
}

const (
	translateMethod  = "/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify"
	responseCluster  = 1<<3 | 2 // tag of PostClusterModifyResponse.cluster
	translateCluster = 2<<3 | 2 // tag of PostTranslateModifyRequest.clusters
)

// translation makes the calls of one translation of Envoy Gateway: each hook's, serially, then Translation with what
// the Cluster hook answered (prefix, the clusters, suffix).
func translation(c command) (answer, error) {
	requests := make([][][]byte, len(c.Phases))
	for i, p := range c.Phases {
		framed, err := os.ReadFile(p.Bodies)
		if err != nil {
			return answer{}, err
		}
		for len(framed) > 0 {
			size := binary.BigEndian.Uint32(framed)
			requests[i] = append(requests[i], framed[4:4+size])
			framed = framed[4+size:]
		}
	}
	prefix, err := os.ReadFile(c.Prefix)
	if err != nil {
		return answer{}, err
	}
	suffix, err := os.ReadFile(c.Suffix)
	if err != nil {
		return answer{}, err
	}
	conn, err := dial(c.Target)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	// Envoy Gateway's connection is open long before.
	conn.Connect()
	for state := conn.GetState(); state.String() != "READY"; state = conn.GetState() {
		time.Sleep(time.Millisecond)
	}

	result := answer{}
	started := time.Now()
	whole := bytes.NewBuffer(make([]byte, 0, len(prefix)+len(suffix)))
	whole.Write(prefix)
	for i, p := range c.Phases {
		for _, request := range requests[i] {
			response, err := call(conn, p.Method, request)
			result.Calls++
			if err != nil {
				return result, fmt.Errorf("%s: %w", p.Method, err)
			}
			if !p.Clusters {
				continue
			}
			if len(response) == 0 || response[0] != responseCluster {
				return result, fmt.Errorf("%s: no cluster in the answer", p.Method)
			}
			whole.WriteByte(translateCluster)
			whole.Write(response[1:])
		}
	}
	whole.Write(suffix)
	response, err := call(conn, translateMethod, whole.Bytes())
	result.Calls++
	result.Total = int64(time.Since(started))
	if err != nil {
		return result, fmt.Errorf("translation: %w", err)
	}
	result.ResponseBytes = len(response)
	if c.Save != "" {
		return result, os.WriteFile(c.Save, response, 0o600)
	}
	return result, nil
}
