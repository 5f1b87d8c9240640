// Go: goroutines. Prints the figures as a line of JSON, as measured.py does.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	batch = 100
	step  = 10 * time.Microsecond
)

func nothing() {}

func yieldOften(times int) {
	for range times {
		runtime.Gosched()
	}
}

func startAll(operations int, work func(i int)) {
	var all sync.WaitGroup
	all.Add(operations)
	for i := range operations {
		go func() {
			defer all.Done()
			work(i)
		}()
	}
	all.Wait()
}

func doSwitch(operations int) {
	startAll(3, func(int) { yieldOften(operations / 3) })
}

func spawn(operations int) {
	for range operations / batch {
		for range batch {
			go nothing()
		}
		runtime.Gosched()
	}
}

func join(operations int) {
	for range operations {
		startAll(1, func(int) {})
	}
}

func million(operations int) {
	startAll(operations, func(int) {})
}

func sleep(operations int) {
	startAll(operations, func(i int) {
		time.Sleep(step * time.Duration(i))
	})
}

func cpuNanoseconds() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// peakKiB returns the most memory that this program has had in use. Not from getrusage(2), whose
// figure takes in the process that started this one.
func peakKiB() (peak int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscan(rest, &peak)
	return peak
}

func main() {
	work := map[string]func(int){
		"switch": doSwitch, "spawn": spawn, "join": join, "million": million, "sleep": sleep,
	}[os.Args[1]]
	operations, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	work(operations / 10)
	runtime.GC()
	peak, cpu, begin := peakKiB(), cpuNanoseconds(), time.Now()
	work(operations)
	wall := time.Since(begin)
	cpu = cpuNanoseconds() - cpu
	fmt.Printf("{\"operations\":%d,\"cpu_ns\":%d,\"wall_ns\":%d,\"peak_kib\":%d}\n",
		operations, cpu, wall.Nanoseconds(), peakKiB()-peak)
}
