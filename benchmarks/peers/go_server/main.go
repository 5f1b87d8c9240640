// Go's net: a goroutine per connection. TCP_NODELAY is on by default.
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
)

func echo(conn net.Conn, size int) {
	buffer := make([]byte, size)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err = conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func sink(conn net.Conn, size int) {
	buffer := make([]byte, size)
	total := uint64(0)
	for {
		n, err := conn.Read(buffer)
		total += uint64(n)
		if err != nil {
			break
		}
	}
	conn.Write(binary.BigEndian.AppendUint64(nil, total))
}

func source(conn net.Conn, _ int) {
	chunk := make([]byte, 65536)
	for i := range chunk {
		chunk[i] = byte(i)
	}
	for {
		if _, err := conn.Write(chunk); err != nil {
			return
		}
	}
}

func main() {
	serve := map[string]func(net.Conn, int){"echo": echo, "sink": sink, "source": source}[os.Args[1]]
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("listening on", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer conn.Close()
			serve(conn, size)
		}()
	}
}
