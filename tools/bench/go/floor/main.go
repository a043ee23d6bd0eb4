// Command floor answers over plain TCP, with as little work as can be: what no server can be faster than.
//
// To its own protocol it answers bytes: each request is the length of the answer (4 bytes, big endian) and of itself
// (4 bytes), then bytes. To a gRPC client it echoes each message, with frames that were made beforehand: what is left is
// the client's own time and the socket's.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn)
	}
}

func serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 1<<16)
	if start, err := in.Peek(len(http2Preface)); err == nil && string(start) == http2Preface {
		serveGRPC(conn, in)
		return
	}
	var head [8]byte
	var body []byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		answer, size := binary.BigEndian.Uint32(head[:4]), binary.BigEndian.Uint32(head[4:])
		if need := int(max(answer, size)); need > len(body) {
			body = make([]byte, need)
		}
		if _, err := io.ReadFull(in, body[:size]); err != nil {
			return
		}
		if _, err := conn.Write(body[:answer]); err != nil {
			return
		}
	}
}
