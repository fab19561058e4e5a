package lab

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"

	"mooring/server/access"
)

const userName = "admin"

// Files in the folder of the lab, for those who go on by hand.
const (
	hostsFile    = "hosts"        // for shells: a function for each host
	passwordFile = "password"     // of the user
	keyFile      = "key"          // of the user, for SSH
	sshFile      = "ssh"          // configuration of ssh
	bindingsFile = "bindings.xml" // a NETCONF session
)

// credentials make a user of every element, with a password and an SSH key of this run. The name has all rights by the group that has
// them from the beginning.
func (s *stage) credentials() ([]byte, error) {
	s.password = rand.Text()
	hash, err := access.HashPassword(s.password)
	if err != nil {
		return nil, err
	}
	public, private, err := newKey()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		os.WriteFile(s.file(passwordFile), []byte(s.password+"\n"), 0o600),
		os.WriteFile(s.file(keyFile), private, 0o600),
		os.WriteFile(s.file(sshFile), fmt.Appendf(nil, sshConfig, userName, s.file(keyFile)), 0o600),
	)
	if err != nil {
		return nil, err
	}
	type list = []map[string]any
	key := list{{"name": "lab", "algorithm": public.Type(), "key-data": base64.StdEncoding.EncodeToString(public.Marshal())}}
	return json.Marshal(map[string]any{
		"mooring-system:system": map[string]any{"user": list{{"name": userName, "password": hash, "authorized-key": key}}},
		"ietf-netconf-acm:nacm": map[string]any{"groups": map[string]any{"group": list{{"name": access.AdminGroup, "user-name": []string{userName}}}}},
	})
}

// sshConfig lets ssh ask nothing: the elements are on the loopback interface of namespaces that nobody else is in.
const sshConfig = `User %s
Port 830
IdentityFile %s
IdentitiesOnly yes
StrictHostKeyChecking no
UserKnownHostsFile /dev/null
LogLevel ERROR
`

func newKey() (public ssh.PublicKey, private []byte, err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, nil, err
	}
	public, err = ssh.NewPublicKey(key.Public())
	return public, pem.EncodeToMemory(block), err
}
