package watch

import (
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Control sequences (ECMA-48, and xterm's for its second screen).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the second screen, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearRight  = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// screen is a terminal that is drawn on.
type screen struct {
	*os.File
	resized chan os.Signal
	last    string // frame that was drawn
}

// asScreen returns the screen that a writer is, nil where it is none.
func asScreen(out any) *screen {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &screen{File: f, resized: make(chan os.Signal, 1)}
}

func (s *screen) enter() error {
	signal.Notify(s.resized, unix.SIGWINCH)
	_, err := s.WriteString(enterScreen)
	return err
}

// leave gives the terminal back as it was.
func (s *screen) leave() {
	signal.Stop(s.resized)
	s.WriteString(leaveScreen)
}

// size is that of the terminal; one that does not know has the size that terminals had.
func (s *screen) size() (columns, lines int) {
	columns, lines, err := term.GetSize(int(s.Fd()))
	if err != nil || columns == 0 || lines == 0 {
		return 80, 24
	}
	return columns, lines
}

// draw replaces what is on the screen where it differs, in one write, so that nothing flickers.
func (s *screen) draw(lines []string) error {
	text := frame(lines)
	if text == s.last {
		return nil
	}
	s.last = text
	_, err := s.WriteString(text)
	return err
}

func frame(lines []string) string {
	return home + strings.Join(lines, clearRight+"\r\n") + clearRight + clearBelow
}
