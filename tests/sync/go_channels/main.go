// Runs histories of channel operations, and says after each step what has ended and how.
//
// Input: one history a line, as JSON: the capacities of the channels, and the steps. A step is a goroutine that does
// one of several operations, or a close. Output: one line for each history, a list of what each step brought.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"runtime"
)

type operation struct {
	Kind    string
	Channel *int
	Value   int
}

type step struct {
	Close   *int
	Cases   []operation
	Default bool
}

type history struct {
	Capacities []int
	Steps      []step
}

type outcome struct {
	Op     int
	Index  int
	Value  int
	Ok     bool
	Closed bool
}

type state struct {
	Ended   []outcome
	Lengths []int
}

func perform(channels []chan int, s step, op int) (out outcome) {
	out.Op = op
	defer func() {
		if recover() != nil {
			out.Closed = true
		}
	}()
	if s.Close != nil {
		close(channels[*s.Close])
		return out
	}
	cases := make([]reflect.SelectCase, 0, len(s.Cases)+1)
	for _, c := range s.Cases {
		var channel chan int
		if c.Channel != nil {
			channel = channels[*c.Channel]
		}
		if c.Kind == "send" {
			cases = append(cases, reflect.SelectCase{
				Dir: reflect.SelectSend, Chan: reflect.ValueOf(channel), Send: reflect.ValueOf(c.Value)})
		} else {
			cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(channel)})
		}
	}
	if s.Default {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectDefault})
	}
	index, value, ok := reflect.Select(cases)
	out.Index = index
	if s.Default && index == len(s.Cases) {
		out.Index = -1
	} else if s.Cases[index].Kind == "send" {
		out.Ok = true
	} else if ok {
		out.Value, out.Ok = int(value.Int()), true
	}
	return out
}

func run(h history) []state {
	channels := make([]chan int, len(h.Capacities))
	for i, capacity := range h.Capacities {
		channels[i] = make(chan int, capacity)
	}
	ended := make(chan outcome, len(h.Steps))
	states := []state{}
	for i, s := range h.Steps {
		go func() { ended <- perform(channels, s, i) }()
		for range 20 {
			runtime.Gosched()
		}
		now := state{Ended: []outcome{}}
		for len(ended) > 0 {
			now.Ended = append(now.Ended, <-ended)
		}
		for _, channel := range channels {
			now.Lengths = append(now.Lengths, len(channel))
		}
		states = append(states, now)
	}
	return states
}

func main() {
	runtime.GOMAXPROCS(1)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var h history
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			panic(err)
		}
		out, err := json.Marshal(run(h))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(out))
	}
}
