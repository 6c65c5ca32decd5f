package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signals hands each signal of the process to whoever cares for it now: by
// default the first one ends the command in good order and the second one
// ends the process.
type signals struct {
	mu      sync.Mutex
	handler func(os.Signal)
	resized chan struct{} // capacity 1: the terminal's size has changed
}

// catchSignals starts to listen; cancel is the default answer.
func catchSignals(cancel func()) *signals {
	s := &signals{resized: make(chan struct{}, 1)}
	first := true
	s.handler = func(os.Signal) {
		if !first {
			os.Exit(codeInterrupted)
		}
		first = false
		cancel()
	}
	caught := make(chan os.Signal, 16)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	go func() {
		for sig := range caught {
			s.deliver(sig)
		}
	}()
	return s
}

func (s *signals) deliver(sig os.Signal) {
	if sig == syscall.SIGWINCH {
		select {
		case s.resized <- struct{}{}:
		default:
		}
		return
	}
	s.mu.Lock()
	handler := s.handler
	s.mu.Unlock()
	handler(sig)
}

// divert gives the signals to f until restore is called.
func (s *signals) divert(f func(os.Signal)) (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.handler
	s.handler = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.handler = before
	}
}

// signalName is the name that a supplier's engine understands.
func signalName(sig os.Signal) string {
	names := map[os.Signal]string{
		syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP",
		syscall.SIGQUIT: "SIGQUIT", syscall.SIGUSR1: "SIGUSR1", syscall.SIGUSR2: "SIGUSR2",
	}
	return names[sig]
}
