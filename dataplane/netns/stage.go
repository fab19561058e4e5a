package netns

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Stage is a thread with mounts of its own, which whatever is started in it sees, too: files may stand for network namespaces there that have a
// name nowhere else.
type Stage struct{ acts chan func() }

// NewStage makes a stage, which needs CAP_SYS_ADMIN. The caller closes it.
func NewStage() (*Stage, error) {
	s := &Stage{make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and it ends with the goroutine, and with it what it has started (Host.StartAsThread)
		ready <- errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		for act := range s.acts {
			act()
		}
	}()
	if err := <-ready; err != nil {
		s.Close()
		return nil, fmt.Errorf("mounts of a thread: %w", err)
	}
	return s, nil
}

// Do has the thread act, one act after the other, and returns what that says. It may be called concurrently, and not after Close.
func (s *Stage) Do(act func() error) error {
	done := make(chan error)
	s.acts <- func() { done <- act() }
	return <-done
}

// Close ends the thread.
func (s *Stage) Close() { close(s.acts) }
