package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/sys/unix"

	"mooring/server/tree"
)

// ErrDenied says that somebody is not who they claim to be. It tells nothing more, since it may reach the client.
var ErrDenied = errors.New("authentication failed")

// Users authenticates against the users of a configuration: list user and list client-certificate of mooring-system. It
// reads the configuration at each call, so a change holds for the next login.
type Users struct {
	// Running gives the root of the running configuration.
	Running func() *tree.Node
}

// unknownUser is compared with when there is no such user, so that the answer takes as long as a wrong password would.
const unknownUser = "$6$mooringdummysalt$a2GQftA8gsHU7nTXEhtO1iQQEJsESEgYpTW8mSXJl55ZOD9Jqapdl7a77jUQUZ.IUYN1R49Ga0leXrJFBnkrS0"

// Password authenticates by name and password. It costs milliseconds by design: bound how many run at once.
func (u *Users) Password(name, password, remote string, origin Origin) (User, error) {
	hash, ok := u.user(name).Leaf("password")
	if !ok {
		verify(unknownUser, password)
		return User{}, ErrDenied
	}
	if !verify(hash, password) {
		return User{}, ErrDenied
	}
	return User{Name: name, Origin: origin, Remote: remote}, nil
}

// verify compares a password with a SHA-256 or SHA-512 crypt hash, the two that the model accepts.
func verify(hash, password string) bool {
	digest, err := shacrypt.Decode(hash)
	if err != nil {
		return false
	}
	return digest.MatchBytes([]byte(password))
}

// HashPassword makes a SHA-512 crypt hash with a random salt, as leaf password wants it.
func HashPassword(password string) (string, error) {
	hasher, err := shacrypt.NewSHA512()
	if err != nil {
		return "", err
	}
	digest, err := hasher.Hash(password)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return digest.Encode(), nil
}

// PublicKey authenticates by an SSH key that the client has proved to hold: its type and its wire encoding, as
// ssh.PublicKey gives them.
func (u *Users) PublicKey(name, algorithm string, key []byte, remote string) (User, error) {
	keys := u.user(name).ChildNamed("authorized-key")
	for entry := range keys.Entries() {
		kind, _ := entry.Leaf("algorithm")
		data, _ := entry.Leaf("key-data")
		known, err := base64.StdEncoding.DecodeString(data)
		if err == nil && kind == algorithm && bytes.Equal(known, key) {
			return User{Name: name, Origin: SSH, Remote: remote}, nil
		}
	}
	return User{}, ErrDenied
}

// Certificate authenticates by a client certificate that the TLS handshake has verified the key of: its SHA-256 digest is
// mapped to a user, whatever names it carries (decision 39).
func (u *Users) Certificate(der []byte, remote string) (User, error) {
	want := Fingerprint(der)
	list := u.system().ChildNamed("client-certificate")
	for entry := range list.Entries() {
		fingerprint, _ := entry.Leaf("fingerprint")
		name, ok := entry.Leaf("user")
		if ok && strings.EqualFold(fingerprint, want) {
			return User{Name: name, Origin: TLS, Remote: remote}, nil
		}
	}
	return User{}, ErrDenied
}

// Fingerprint is the SHA-256 digest of a certificate as openssl prints it.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(parts, ":")
}

// system returns the container system of mooring-system; an empty node without one, so that look-ups find nothing.
func (u *Users) system() *tree.Node {
	root := u.Running()
	if def := root.Schema().Child("mooring-system", "system"); def != nil {
		if n := root.Child(def); n != nil {
			return n
		}
	}
	return tree.NewRoot(root.Schema().Schema())
}

func (u *Users) user(name string) *tree.Node {
	system := u.system()
	if n := system.ChildNamed("user").Entry(name); n != nil {
		return n
	}
	return tree.NewRoot(system.Schema().Schema())
}

// Peer authenticates whoever is at the other end of the local socket by what the kernel says: root and the owner of this
// process are admin, nobody else may come in (decision 23).
func Peer(conn *net.UnixConn) (User, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return User{}, err
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return User{}, err
	}
	if failed != nil {
		return User{}, fmt.Errorf("who is at the local socket: %w", failed)
	}
	return peer(cred.Uid, uint32(os.Geteuid()))
}

func peer(uid, owner uint32) (User, error) {
	if uid != 0 && uid != owner {
		return User{}, fmt.Errorf("%w: user id %d is neither root nor the owner of the process", ErrDenied, uid)
	}
	return User{Name: "admin", Groups: []string{AdminGroup}, Origin: Local}, nil
}
