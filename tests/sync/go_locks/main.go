// Does with Go's locks what the lines on standard input say, and prints after each of them who has the lock.
//
//	new WHAT CAPACITY    a lock that nobody has
//	ask WHO KIND         a goroutine asks for it
//	try WHO KIND         somebody tries to have it
//	give WHO KIND        who has it gives it back
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"

	"golang.org/x/sync/semaphore"
)

const write = 2

type lock interface {
	ask(kind int64)
	try(kind int64) bool
	give(kind int64)
}

type mutex struct{ sync.Mutex }

func (m *mutex) ask(int64)      { m.Lock() }
func (m *mutex) try(int64) bool { return m.TryLock() }
func (m *mutex) give(int64)     { m.Unlock() }

type rwmutex struct{ sync.RWMutex }

func (m *rwmutex) ask(kind int64) {
	if kind == write {
		m.Lock()
	} else {
		m.RLock()
	}
}

func (m *rwmutex) try(kind int64) bool {
	if kind == write {
		return m.TryLock()
	}
	return m.TryRLock()
}

func (m *rwmutex) give(kind int64) {
	if kind == write {
		m.Unlock()
	} else {
		m.RUnlock()
	}
}

type units struct{ *semaphore.Weighted }

func (u units) ask(kind int64)      { _ = u.Acquire(context.Background(), kind) }
func (u units) try(kind int64) bool { return u.TryAcquire(kind) }
func (u units) give(kind int64)     { u.Release(kind) }

// A trace is a lock and those who have it.
type trace struct {
	lock    lock
	guard   sync.Mutex
	holding map[int]bool
}

func newTrace(what string, capacity int64) *trace {
	t := &trace{holding: map[int]bool{}}
	switch what {
	case "mutex":
		t.lock = &mutex{}
	case "rwmutex":
		t.lock = &rwmutex{}
	default:
		t.lock = units{semaphore.NewWeighted(capacity)}
	}
	return t
}

func (t *trace) has(who int) {
	t.guard.Lock()
	t.holding[who] = true
	t.guard.Unlock()
}

func (t *trace) step(what string, who int, kind int64) {
	switch what {
	case "ask":
		go func() {
			t.lock.ask(kind)
			t.has(who)
		}()
	case "try":
		if t.lock.try(kind) {
			t.has(who)
		}
	case "give":
		t.guard.Lock()
		delete(t.holding, who)
		t.guard.Unlock()
		t.lock.give(kind)
	}
}

// With one processor everybody who can run has run after some turns.
func settle() {
	for i := 0; i < 50; i++ {
		runtime.Gosched()
	}
}

func (t *trace) print(out *bufio.Writer) {
	t.guard.Lock()
	defer t.guard.Unlock()
	found := make([]int, 0, len(t.holding))
	for who := range t.holding {
		found = append(found, who)
	}
	sort.Ints(found)
	fmt.Fprintln(out, found)
}

func main() {
	runtime.GOMAXPROCS(1)
	in, out := bufio.NewScanner(os.Stdin), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	var t *trace
	for in.Scan() {
		var what, subject string
		var kind int64
		if _, err := fmt.Sscan(in.Text(), &what, &subject, &kind); err != nil {
			panic(err)
		}
		if what == "new" {
			t = newTrace(subject, kind)
		} else {
			var who int
			if _, err := fmt.Sscan(subject, &who); err != nil {
				panic(err)
			}
			t.step(what, who, kind)
		}
		settle()
		t.print(out)
	}
}
