package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mooring/server/tree/schema"
)

// A source that panics is an error of its table: for who reads it, and for the watcher, to whom the table is as it was. It is logged once,
// and followed on when it has come round.
func TestSourceThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		s := New(element(), time.Second)
		s.Log = slog.New(slog.NewTextHandler(&logged, nil))
		path, err := schema.ParsePath(element(), "/mooring-system:system", element().Module)
		if err != nil {
			t.Fatal(err)
		}
		def := path.Last().Node
		leaf := def.Child(def.Module.Name, "version")
		var broken atomic.Bool
		var version atomic.Int32
		s.Mount(Table{Node: def, Parts: []*schema.Node{leaf}, Read: func(_ context.Context, _ Keys, out *Out) error {
			out.Row().Text(leaf, fmt.Sprint(version.Load()))
			if broken.Load() {
				panic("a mistake")
			}
			return nil
		}})
		f := s.Follow(s.At(nil)...)
		defer f.Close()
		if rows := f.Next(nil); len(rows) != 1 {
			t.Fatalf("told at first: %v", rows)
		}
		broken.Store(true)
		version.Store(2)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if rows := f.Next(nil); len(rows) > 0 {
			t.Errorf("told by a source that is broken: %v", rows)
		}
		for _, err = range s.At(nil)[0].Rows(t.Context()) {
		}
		if !errors.Is(err, ErrInternal) {
			t.Errorf("read: %v", err)
		}
		if n := strings.Count(logged.String(), "a mistake"); n != 1 || !strings.Contains(logged.String(), "panic_test.go") {
			t.Errorf("logged %d times: %s", n, &logged)
		}
		broken.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if rows := f.Next(nil); len(rows) != 1 {
			t.Errorf("told afterwards: %v", rows)
		}
	})
}

// A panic of who is told is theirs.
func TestReaderThatPanics(t *testing.T) {
	d := populated(t)
	defer func() {
		if r := recover(); r != "theirs" {
			t.Errorf("recovered is %v", r)
		}
	}()
	for range d.at(t, "/mooring-pmipv6:pmipv6/lma/peers")[0].Rows(t.Context()) {
		panic("theirs")
	}
}
