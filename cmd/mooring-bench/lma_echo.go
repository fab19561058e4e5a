package main

import (
	"net"

	udp4 "golang.org/x/net/ipv4"

	"mooring/mobility"
)

// serveEcho sends every message back that it reads, in the same batches, until the process is killed.
func serveEcho() error {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(echoAddress), Port: mobility.ControlPort})
	if err != nil {
		return err
	}
	defer socket.Close()
	if _, err := setBuffers(socket); err != nil {
		return err
	}
	conn, messages := udp4.NewPacketConn(socket), newMessages()
	for {
		for i := range messages {
			messages[i].Buffers[0] = messages[i].Buffers[0][:cap(messages[i].Buffers[0])]
		}
		n, err := conn.ReadBatch(messages, 0)
		if err != nil {
			return err
		}
		for i := range messages[:n] {
			messages[i].Buffers[0] = messages[i].Buffers[0][:messages[i].N]
		}
		if err := writeAll(conn, messages[:n]); err != nil {
			return err
		}
	}
}

func newMessages() []udp4.Message {
	messages := make([]udp4.Message, askBatch)
	for i := range messages {
		messages[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	return messages
}

func writeAll(conn *udp4.PacketConn, messages []udp4.Message) error {
	for sent := 0; sent < len(messages); {
		n, err := conn.WriteBatch(messages[sent:], 0)
		if err != nil {
			return err
		}
		sent += n
	}
	return nil
}
