// Go: a UDPConn, with addresses that take no memory of their own.
package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
)

func echo(conn *net.UDPConn, _ int) error {
	buffer := make([]byte, 65536)
	for {
		n, sender, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		if _, err = conn.WriteToUDPAddrPort(buffer[:n], sender); err != nil {
			return err
		}
	}
}

func flood(conn *net.UDPConn, size int) error {
	buffer := make([]byte, 65536)
	for count := uint64(0); ; {
		n, sender, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return err
		}
		if n == size {
			count++
			continue
		}
		answer := append(binary.BigEndian.AppendUint64(nil, count), buffer[:n]...)
		if _, err = conn.WriteToUDPAddrPort(answer, sender); err != nil {
			return err
		}
	}
}

func main() {
	serve := map[string]func(*net.UDPConn, int) error{"echo": echo, "flood": flood}[os.Args[1]]
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	fmt.Println("listening on", conn.LocalAddr())
	panic(serve(conn, size))
}
