// Go: io.Copy, which uses sendfile(2) from a file to a connection.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func serve(conn net.Conn, path string) {
	defer conn.Close()
	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	io.Copy(conn, file)
}

func main() {
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
		go serve(conn, os.Args[1])
	}
}
