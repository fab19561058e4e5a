package element

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/listen"
	"mooring/server/state"
)

// sockets are a *listen.Sockets or a *gnmi.Server.
type sockets interface {
	Prepare(ctx context.Context, want []netip.AddrPort) *listen.Change
	Status() (bound []netip.AddrPort, err error)
}

// listener keeps a server where it is wanted. The server begins after the datastore, which it works on, and which wants it
// somewhere as it opens.
type listener struct {
	fixed      []netip.AddrPort // wanted whatever is configured; nil: what is configured counts
	configured func(*apply.Management) apply.Listener
	sockets    sockets          // nil until the server begins
	want       []netip.AddrPort // until then
}

// prepare is a consumer.
func (l *listener) prepare(ctx context.Context, config *apply.Config) (datastore.Prepared, error) {
	want := l.wanted(config.Manage)
	if l.sockets == nil {
		return applied(func() { l.want = want }), nil
	}
	return l.sockets.Prepare(ctx, want), nil
}

func (l *listener) wanted(m *apply.Management) (want []netip.AddrPort) {
	c := l.configured(m)
	switch {
	case l.fixed != nil:
		return l.fixed
	case !c.Enabled:
		return nil
	}
	for _, address := range c.Addresses {
		want = append(want, netip.AddrPortFrom(address, c.Port))
	}
	return want
}

// begin listens where it is wanted by now. What the configuration wants may fail, and is tried again; who asked for an
// address by name is waiting to hear.
func (l *listener) begin(ctx context.Context, s sockets) error {
	l.sockets = s
	s.Prepare(ctx, l.want).Apply()
	if _, err := s.Status(); err != nil && l.fixed != nil {
		return fmt.Errorf("cannot listen at %w; choose another address, or end what listens there", err)
	}
	return nil
}

func (l *listener) status() state.Listener {
	if l.sockets == nil {
		return state.Listener{}
	}
	bound, err := l.sockets.Status()
	if err != nil {
		return state.Listener{Bound: bound, Error: err.Error()}
	}
	return state.Listener{Bound: bound}
}

// listenLocal makes a local socket. One that a process left behind is in the way of nobody: the folder is ours alone.
func (f *folder) listenLocal(file string) (*net.UnixListener, error) {
	if err := f.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	name := filepath.Join(f.Name(), file)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		if len(name) >= maxSocketName {
			return nil, fmt.Errorf("local socket: the name %s is longer than %d octets; choose another folder with --state-dir", name, maxSocketName-1)
		}
		return nil, fmt.Errorf("local socket: %w", err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("local socket: %w", err), l.Close())
	}
	return l, nil
}

// maxSocketName is the size of sun_path, the final zero included (unix(7)).
const maxSocketName = 108
