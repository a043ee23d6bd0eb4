package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const http2Preface = http2.ClientPreface

const (
	frameHead = 9
	// A client may send this much more before it hears from us; it is told so long before.
	windowStep = 1 << 15
)

// serveGRPC answers each unary call with its own message and OK. It knows no more of HTTP/2 than grpc-go's client needs.
func serveGRPC(conn net.Conn, in *bufio.Reader) {
	in.Discard(len(http2Preface))
	var out bytes.Buffer
	framer := http2.NewFramer(&out, in)
	framer.SetReuseFrames()
	headers := headerBlock(":status", "200", "content-type", "application/grpc")
	trailers := headerBlock("grpc-status", "0")
	framer.WriteSettings()
	received := 0
	for {
		if _, err := conn.Write(out.Bytes()); err != nil {
			return
		}
		out.Reset()
		for out.Len() == 0 {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					framer.WriteSettingsAck()
				}
			case *http2.PingFrame:
				if !f.IsAck() {
					framer.WritePing(true, f.Data)
				}
			case *http2.DataFrame:
				data, stream := f.Data(), f.StreamID
				if received += len(data); received >= windowStep {
					framer.WriteWindowUpdate(0, uint32(received))
					received = 0
				}
				if len(data) > 0 {
					writeFrame(&out, http2.FrameHeaders, http2.FlagHeadersEndHeaders, stream, headers)
					writeFrame(&out, http2.FrameData, 0, stream, data)
					writeFrame(&out, http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, stream, trailers)
				}
			}
		}
	}
}

func writeFrame(out *bytes.Buffer, kind http2.FrameType, flags http2.Flags, stream uint32, payload []byte) {
	var head [frameHead]byte
	binary.BigEndian.PutUint32(head[:4], uint32(len(payload))<<8|uint32(kind))
	head[4] = byte(flags)
	binary.BigEndian.PutUint32(head[5:], stream)
	out.Write(head[:])
	out.Write(payload)
}

// headerBlock leaves nothing in the client's table, so that it can be sent again and again.
func headerBlock(pairs ...string) []byte {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(pairs); i += 2 {
		encoder.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1], Sensitive: pairs[i][0] != ':'})
	}
	return block.Bytes()
}
