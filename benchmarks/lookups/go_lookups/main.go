// Go's own resolver: a goroutine for each name. Prints the figures as a line of JSON, as
// ../../tasks/measured.py does.
package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func lookUp(number int) error {
	name := fmt.Sprintf("h%d.bench.test", number)
	found, err := net.DefaultResolver.LookupNetIP(context.Background(), "ip", name)
	if err != nil {
		return err
	}
	x, y, z := byte(number>>16), byte(number>>8), byte(number)
	ipv4 := netip.AddrFrom4([4]byte{10, x, y, z})
	ipv6 := netip.AddrFrom16([16]byte{0: 0xfd, 13: x, 14: y, 15: z})
	seen := map[netip.Addr]bool{}
	for _, addr := range found {
		seen[addr.Unmap()] = true
	}
	if len(seen) != 2 || !seen[ipv4] || !seen[ipv6] {
		return fmt.Errorf("%s was found at %v", name, found)
	}
	return nil
}

func lookUpAll(names int) {
	var all sync.WaitGroup
	for number := range names {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := lookUp(number); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}()
	}
	all.Wait()
}

func cpuNanoseconds() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

func main() {
	names, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	lookUpAll(names / 10)
	cpu, begin := cpuNanoseconds(), time.Now()
	lookUpAll(names)
	wall := time.Since(begin)
	cpu = cpuNanoseconds() - cpu
	fmt.Printf("{\"operations\":%d,\"cpu_ns\":%d,\"wall_ns\":%d,\"peak_kib\":0}\n",
		names, cpu, wall.Nanoseconds())
}
