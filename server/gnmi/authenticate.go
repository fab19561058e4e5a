package gnmi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"runtime"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/tap"

	"mooring/server/access"
	"mooring/server/datastore"
)

// authenticator finds out who makes an RPC: whoever the kernel says on the local socket; otherwise by user name and password where the
// RPC carries them, or else by the client certificate of the connection.
type authenticator struct {
	users   *access.Users
	running func() *datastore.Snapshot
	log     *slog.Logger
	// turn bounds how many passwords are checked at once: each costs processor time by design.
	turn chan struct{}
	salt [sha256.Size]byte
}

// login is a name and password that were right under a configuration. A connection remembers its last, since checking a password with
// every RPC would cost more than the RPCs.
type login struct {
	digest [sha256.Size]byte
	under  *datastore.Snapshot
}

func newAuthenticator(o *Options) *authenticator {
	a := &authenticator{users: o.Users, running: o.Store.Running, log: o.Log, turn: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	rand.Read(a.salt[:]) // never fails
	return a
}

type userKey struct{}

// userOf gives the user that an RPC was authenticated for.
func userOf(ctx context.Context) access.User {
	return ctx.Value(userKey{}).(access.User)
}

// tap authenticates an RPC when it is opened, before anything of the request is taken in; a stream that goes on for days is not asked again.
// It runs in the goroutine that reads the connection, so whoever guesses passwords does so one by one.
func (a *authenticator) tap(ctx context.Context, info *tap.Info) (_ context.Context, err error) {
	defer recovered(a.log, info.FullMethodName, &err)
	p, _ := peer.FromContext(ctx)
	id, ok := p.AuthInfo.(*identity)
	if !ok {
		return nil, faultf(codes.Unauthenticated, "%s: the connection is not authenticated", info.FullMethodName)
	}
	user, err := a.user(ctx, id)
	if err != nil {
		a.log.Warn("gNMI access denied", "remote", id.remote, "method", info.FullMethodName, "error", err)
		return nil, faultf(codes.Unauthenticated, "%s: %v", info.FullMethodName, err)
	}
	return context.WithValue(ctx, userKey{}, user), nil
}

func (a *authenticator) user(ctx context.Context, id *identity) (access.User, error) {
	if id.local != nil {
		return *id.local, nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	names, passwords := md.Get("username"), md.Get("password")
	switch {
	case len(names) == 1 && len(passwords) == 1:
		return a.password(ctx, id, names[0], passwords[0])
	case len(names)+len(passwords) > 0:
		return access.User{}, fmt.Errorf("give username and password, one of each")
	case id.certificate != nil:
		return a.users.Certificate(id.certificate, id.remote)
	}
	return access.User{}, fmt.Errorf("neither username and password nor a client certificate")
}

func (a *authenticator) password(ctx context.Context, id *identity, name, password string) (access.User, error) {
	this := login{under: a.running()}
	h := sha256.New()
	h.Write(a.salt[:])
	fmt.Fprintf(h, "%d:%s%s", len(name), name, password)
	h.Sum(this.digest[:0])
	id.mu.Lock()
	known := id.verified == this
	id.mu.Unlock()
	if known {
		return access.User{Name: name, Origin: access.TLS, Remote: id.remote}, nil
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return access.User{}, context.Cause(ctx)
	}
	user, err := a.users.Password(name, password, id.remote, access.TLS)
	if err == nil {
		id.mu.Lock()
		id.verified = this
		id.mu.Unlock()
	}
	return user, err
}
