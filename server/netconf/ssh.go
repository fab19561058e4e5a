package netconf

import (
	"context"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
)

const (
	subsystem = "netconf" // RFC 6242 section 3
	// maxChannels bounds the channels of one connection, each of which can carry a session.
	maxChannels = 16
)

// userKey is where the outcome of a login stands in ssh.Permissions.ExtraData.
type userKey struct{}

func (s *Server) sshConfig(hostKey ssh.Signer) *ssh.ServerConfig {
	sound := ssh.SupportedAlgorithms()
	c := &ssh.ServerConfig{
		Config:                  ssh.Config{KeyExchanges: sound.KeyExchanges, Ciphers: sound.Ciphers, MACs: sound.MACs},
		PublicKeyAuthAlgorithms: sound.PublicKeyAuths,
		ServerVersion:           "SSH-2.0-Mooring",
		PasswordCallback: func(conn ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			s.hashing <- struct{}{}
			defer func() { <-s.hashing }()
			return s.admitted(s.users.Password(conn.User(), string(password), conn.RemoteAddr().String(), access.SSH))
		},
		PublicKeyCallback: func(conn ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return s.admitted(s.users.PublicKey(conn.User(), key.Type(), key.Marshal(), conn.RemoteAddr().String()))
		},
	}
	c.AddHostKey(hostKey)
	return c
}

func (s *Server) admitted(user access.User, err error) (*ssh.Permissions, error) {
	if err != nil {
		return nil, err
	}
	return &ssh.Permissions{ExtraData: map[any]any{userKey{}: user}}, nil
}

// connection is an SSH connection after the login.
type connection struct {
	server *Server
	call   *call
	ssh    *ssh.ServerConn
	user   access.User
	ctx    context.Context // ends with the connection

	mu     sync.Mutex
	active int         // sessions
	idle   *time.Timer // closes the connection while it has no session
}

// loginSSH is a transport.
func (s *Server) loginSSH(conn *call) (serve func(), err error) {
	sc, channels, requests, err := ssh.NewServerConn(conn, s.ssh)
	if err != nil {
		return nil, err
	}
	c := &connection{server: s, call: conn, ssh: sc, user: sc.Permissions.ExtraData[userKey{}].(access.User)}
	return func() { c.serve(channels, requests) }, nil
}

// serve serves the channels of a connection until it is closed.
func (c *connection) serve(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	ctx, cancel := context.WithCancel(c.server.ctx)
	c.ctx = ctx
	c.idle = time.AfterFunc(c.server.limits.HelloTimeout, func() { c.ssh.Close() })
	defer c.idle.Stop()
	var tasks sync.WaitGroup
	tasks.Go(func() { ssh.DiscardRequests(requests) })
	tasks.Go(func() { c.ssh.Wait(); cancel() })
	if c.call.keepAlive > 0 {
		tasks.Go(c.test)
	}
	open := make(chan struct{}, maxChannels)
	for ch := range channels {
		tasks.Go(func() { c.channel(ch, open) })
	}
	tasks.Wait()
}

// test asks the client from time to time whether it is there (RFC 8071 section 4.1, S7), and closes the connection when no answer
// comes.
func (c *connection) test() {
	tick := time.NewTicker(c.call.keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
		late := time.AfterFunc(unanswered*c.call.keepAlive, func() {
			c.server.log.Warn("NETCONF client does not answer", "user", c.user.Name, "remote", c.user.Remote)
			c.ssh.Close()
		})
		_, _, err := c.ssh.SendRequest("keepalive@ietf.org", true, nil)
		late.Stop()
		if err != nil {
			return
		}
	}
}

// channel serves one channel: it waits for the request of the subsystem and then is a session.
func (c *connection) channel(offer ssh.NewChannel, open chan struct{}) {
	if offer.ChannelType() != "session" {
		offer.Reject(ssh.UnknownChannelType, "only sessions are served")
		return
	}
	select {
	case open <- struct{}{}:
		defer func() { <-open }()
	default:
		offer.Reject(ssh.ResourceShortage, "too many channels")
		return
	}
	ch, requests, err := offer.Accept()
	if err != nil {
		return
	}
	var task sync.WaitGroup
	started := false
	for req := range requests {
		name := struct{ Name string }{}
		ok := !started && req.Type == "subsystem" && ssh.Unmarshal(req.Payload, &name) == nil && name.Name == subsystem
		var x *session
		if ok {
			x = c.server.newSession(c.ctx, ch, c.user, func(done <-chan struct{}) { c.drop(ch, done) })
			ok = x != nil
		}
		if req.WantReply {
			req.Reply(ok, nil)
		}
		if ok {
			started = true
			c.begin()
			task.Go(func() {
				x.run()
				c.end()
				ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{0}))
				ch.Close()
			})
		}
	}
	task.Wait()
}

// drop ends a session from outside. Closing a channel waits for the client, so that the connection is closed where no other
// session needs it, or where the client takes too long.
func (c *connection) drop(ch ssh.Channel, done <-chan struct{}) {
	c.mu.Lock()
	alone := c.active <= 1
	c.mu.Unlock()
	if alone {
		c.ssh.Close()
		return
	}
	defer time.AfterFunc(c.server.limits.Linger, func() { c.ssh.Close() }).Stop()
	ch.Close()
	select {
	case <-done:
	case <-c.ctx.Done():
	}
}

// begin and end keep the connection open while it has sessions.
func (c *connection) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active++
	c.idle.Stop()
	c.call.begin()
}

func (c *connection) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active--; c.active == 0 {
		c.idle.Reset(c.server.limits.Linger)
	}
	c.call.end()
}
