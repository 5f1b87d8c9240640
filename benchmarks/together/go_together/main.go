// Go: channels, select, a mutex, a wait group and timers. Prints the figures as a line of JSON, as
// ../../tasks/measured.py does.
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
	producers = 1000
	rivals    = 100
	soonest   = 200 * time.Millisecond
	step      = time.Microsecond
)

func nothing() {}

func send(channel chan<- int, values int) {
	for value := range values {
		channel <- value
	}
}

func sendAll(channel chan<- int, values int) {
	send(channel, values)
	close(channel)
}

func handOver(operations int) {
	channel := make(chan int)
	go sendAll(channel, operations)
	for range channel {
	}
}

func buffered(operations int) {
	channel := make(chan int, 1)
	for value := range operations {
		channel <- value
		<-channel
	}
}

func sendInTurn(channels []chan int, values int) {
	for value := range values {
		channels[value%len(channels)] <- value
	}
}

func selectOf2(operations int) {
	a, b := make(chan int), make(chan int)
	go sendInTurn([]chan int{a, b}, operations)
	for range operations {
		select {
		case <-a:
		case <-b:
		}
	}
}

func selectOf10(operations int) {
	var c [10]chan int
	for i := range c {
		c[i] = make(chan int)
	}
	go sendInTurn(c[:], operations)
	for range operations {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		case <-c[8]:
		case <-c[9]:
		}
	}
}

func lock(operations int) {
	var mutex sync.Mutex
	for range operations {
		mutex.Lock()
		mutex.Unlock()
	}
}

func withLock(operations int) {
	var mutex sync.Mutex
	for range operations {
		func() {
			mutex.Lock()
			defer mutex.Unlock()
		}()
	}
}

func startAll(number int, work func()) {
	var all sync.WaitGroup
	for range number {
		all.Add(1)
		go func() {
			defer all.Done()
			work()
		}()
	}
	all.Wait()
}

func contendedLock(operations int) {
	var mutex sync.Mutex
	startAll(rivals, func() {
		for range operations / rivals {
			mutex.Lock()
			runtime.Gosched()
			mutex.Unlock()
		}
	})
}

func waitGroup(operations int) {
	startAll(operations, nothing)
}

func timers(operations int) {
	channels := make([]<-chan time.Time, operations)
	for i := range channels {
		channels[i] = time.After(soonest + step*time.Duration(i))
	}
	for _, channel := range channels {
		<-channel
	}
}

func fanIn(operations int) {
	channel := make(chan int)
	for range producers {
		go send(channel, operations/producers)
	}
	for range operations / producers * producers {
		<-channel
	}
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
		"hand-over":      handOver,
		"buffered":       buffered,
		"select of 2":    selectOf2,
		"select of 10":   selectOf10,
		"lock":           lock,
		"with lock":      withLock,
		"contended lock": contendedLock,
		"wait group":     waitGroup,
		"timers":         timers,
		"fan-in":         fanIn,
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
