// What test_same_as_go.py does, in Go: each case prints its name and what came out, one step a word.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var names = map[syscall.Errno]string{
	syscall.ECONNREFUSED: "ECONNREFUSED", syscall.ECONNRESET: "ECONNRESET", syscall.EPIPE: "EPIPE",
	syscall.EADDRINUSE: "EADDRINUSE", syscall.EDESTADDRREQ: "EDESTADDRREQ", syscall.EMSGSIZE: "EMSGSIZE",
	syscall.ENOENT: "ENOENT",
}

func word(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case err == io.EOF:
		return "EOF"
	case errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, net.ErrWriteToConnected):
		return "connected"
	case errors.As(err, &errno):
		return names[errno]
	}
	return err.Error()
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func read(conn net.Conn, size int) string {
	buffer := make([]byte, size)
	n, err := conn.Read(buffer)
	if err != nil {
		return word(err)
	}
	return fmt.Sprintf("%q", buffer[:n])
}

func write(conn net.Conn, data string) string {
	_, err := conn.Write([]byte(data))
	return word(err)
}

func tcp() (near, far *net.TCPConn) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	near = must(net.Dial("tcp", listener.Addr().String())).(*net.TCPConn)
	return near, must(listener.Accept()).(*net.TCPConn)
}

func udp() (near, far *net.UDPConn) {
	here := must(net.ListenPacket("udp", "127.0.0.1:0")).(*net.UDPConn)
	near = must(net.Dial("udp", here.LocalAddr().String())).(*net.UDPConn)
	return near, here
}

// Lets a goroutine that has been begun come to where it waits.
func settle() { time.Sleep(50 * time.Millisecond) }

var past = time.Unix(1, 0)

var cases = map[string]func() []string{
	"datagram_and_short_buffer": func() []string {
		near, far := udp()
		write(near, "12345")
		write(near, "next")
		return []string{read(far, 2), read(far, 9)}
	},
	"datagram_of_no_bytes": func() []string {
		near, far := udp()
		steps := []string{write(near, ""), write(near, "x")}
		return append(steps, read(far, 9), read(far, 9))
	},
	"datagram_that_is_too_large": func() []string {
		near, _ := udp()
		return []string{write(near, strings.Repeat("x", 70000))}
	},
	"datagram_to_a_closed_port": func() []string {
		near, far := udp()
		far.Close()
		steps := []string{write(near, "x")}
		settle()
		steps = append(steps, read(near, 9))
		near.SetReadDeadline(past)
		return append(steps, read(near, 9))
	},
	"addresses_of_datagrams": func() []string {
		near, far := udp()
		_, to := near.WriteTo([]byte("x"), far.LocalAddr())
		return []string{word(to), write(far, "x")}
	},
	"read_of_no_bytes": func() []string {
		near, far := tcp()
		before := read(near, 0)
		far.Close()
		settle()
		return []string{before, read(near, 0), read(near, 1)}
	},
	"close_while_reading": func() []string {
		near, _ := tcp()
		outcome := make(chan string)
		go func() { outcome <- read(near, 1) }()
		settle()
		return []string{word(near.Close()), <-outcome}
	},
	"close_while_accepting": func() []string {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		outcome := make(chan string)
		go func() { _, err := listener.Accept(); outcome <- word(err) }()
		settle()
		return []string{word(listener.Close()), <-outcome}
	},
	"accept_after_close": func() []string {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		must(net.Dial("tcp", listener.Addr().String()))
		listener.Close()
		_, err := listener.Accept()
		return []string{word(err)}
	},
	"use_after_close": func() []string {
		near, _ := tcp()
		near.Close()
		return []string{read(near, 1), read(near, 0), write(near, "x"), write(near, ""),
			word(near.SetDeadline(past)), word(near.CloseWrite())}
	},
	"half_close": func() []string {
		near, far := tcp()
		steps := []string{word(near.CloseWrite()), read(far, 9), read(far, 9), write(far, "back")}
		return append(steps, read(near, 9), write(near, "x"))
	},
	"half_close_of_the_reader": func() []string {
		near, far := tcp()
		write(far, "before")
		settle()
		steps := []string{word(near.CloseRead()), read(near, 9), read(near, 9)}
		return append(steps, write(near, "there"), read(far, 9))
	},
	"deadline_in_the_past": func() []string {
		near, far := tcp()
		write(far, "waits")
		settle()
		near.SetDeadline(past)
		steps := []string{read(near, 9), write(near, "x"), write(near, "")}
		near.SetDeadline(time.Time{})
		return append(steps, read(near, 9), write(near, "x"))
	},
	"deadline_of_one_direction": func() []string {
		near, far := tcp()
		near.SetReadDeadline(past)
		steps := []string{read(near, 9), write(near, "x")}
		near.SetReadDeadline(time.Time{})
		near.SetWriteDeadline(past)
		write(far, "y")
		return append(steps, write(near, "x"), read(near, 9))
	},
	"deadline_while_reading": func() []string {
		near, _ := tcp()
		outcome := make(chan string)
		go func() { outcome <- read(near, 1) }()
		settle()
		near.SetReadDeadline(past)
		return []string{<-outcome, read(near, 1)}
	},
	"deadline_of_a_listener": func() []string {
		listener := must(net.Listen("tcp", "127.0.0.1:0")).(*net.TCPListener)
		must(net.Dial("tcp", listener.Addr().String()))
		settle()
		listener.SetDeadline(past)
		_, late := listener.Accept()
		listener.SetDeadline(time.Time{})
		_, queued := listener.Accept()
		return []string{word(late), word(queued)}
	},
	"reset": func() []string {
		near, far := tcp()
		write(far, "lost?")
		far.SetLinger(0)
		far.Close()
		settle()
		steps := []string{read(near, 9), read(near, 9)}
		return append(steps, write(near, "x"))
	},
	"unread_data_at_close": func() []string {
		near, far := tcp()
		write(near, "unread")
		settle()
		far.Close()
		settle()
		return []string{read(near, 9)}
	},
	"dial_a_closed_port": func() []string {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		listener.Close()
		_, err := net.Dial("tcp", listener.Addr().String())
		return []string{word(err)}
	},
	"listen_twice": func() []string {
		listener := must(net.Listen("tcp", "127.0.0.1:0"))
		_, err := net.Listen("tcp", listener.Addr().String())
		return []string{word(err)}
	},
	"addresses_that_are_none": func() []string {
		var steps []string
		for _, one := range [][2]string{{"tcp", "host"}, {"tcp", "::1:80:"},
			{"tcp9", "127.0.0.1:1"}, {"tcp", "[::1]"}} {
			_, err := net.Dial(one[0], one[1])
			steps = append(steps, strings.ReplaceAll(err.Error(), " ", "_"))
		}
		return steps
	},
	"file_of_a_listener": func() []string {
		path := filepath.Join(must(os.MkdirTemp("", "same")), "s")
		defer os.RemoveAll(filepath.Dir(path))
		listener := must(net.Listen("unix", path))
		_, before := os.Stat(path)
		_, again := net.Listen("unix", path)
		listener.Close()
		_, after := os.Stat(path)
		_, dialled := net.Dial("unix", path)
		return []string{word(before), word(again), word(after), word(dialled)}
	},
	"unix_datagrams": func() []string {
		directory := must(os.MkdirTemp("", "same"))
		defer os.RemoveAll(directory)
		path := filepath.Join(directory, "s")
		far := must(net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}))
		near := must(net.Dial("unixgram", path))
		steps := []string{write(near, ""), write(near, "12345")}
		steps = append(steps, read(far, 9), read(far, 2))
		far.Close()
		return append(steps, write(near, "x"))
	},
}

func main() {
	for name, run := range cases {
		fmt.Println(name, strings.Join(run(), " "))
	}
}
