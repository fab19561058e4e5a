package netconf

import (
	"strings"
	"testing"

	juniper "github.com/Juniper/go-netconf/netconf"
	"golang.org/x/crypto/ssh"

	"mooring/server/model"
)

// go-netconf speaks version 1.0 and reads replies with encoding/xml.
func TestGoNetconf(t *testing.T) {
	e := serve(t, model.Sources())
	byKey, err := juniper.SSHConfigPubKeyFile(user, e.keyFile, "")
	check(t, err)
	byPassword := juniper.SSHConfigPassword(user, password)
	for name, config := range map[string]*ssh.ClientConfig{"key": byKey, "password": byPassword} {
		t.Run(name, func(t *testing.T) {
			config.HostKeyCallback = ssh.FixedHostKey(e.host)
			s, err := juniper.DialSSH(e.addr.String(), config)
			check(t, err)
			defer s.Close()
			exec := func(method juniper.RPCMethod) *juniper.RPCReply {
				t.Helper()
				reply, err := s.Exec(method)
				check(t, err)
				return reply
			}
			exec(juniper.MethodLock("candidate"))
			exec(juniper.MethodEditConfig("candidate", `<system xmlns="urn:mooring:yang:mooring-system"><host-name>`+name+`.example</host-name></system>`))
			exec(juniper.RawMethod("<commit/>"))
			exec(juniper.MethodUnlock("candidate"))
			if got := exec(juniper.MethodGetConfig("running")).Data; !strings.Contains(got, "<host-name>"+name+".example</host-name>") {
				t.Errorf("running is %s", got)
			}
			_, err = s.Exec(juniper.MethodUnlock("candidate"))
			if e, ok := err.(*juniper.RPCError); !ok || e.Tag != "operation-failed" {
				t.Errorf("unlocking what is not locked: %v", err)
			}
			exec(juniper.RawMethod("<close-session/>"))
		})
	}
}

func TestWhoIsNotLetIn(t *testing.T) {
	e := serve(t, model.Sources())
	_, stranger, err := newKey()
	check(t, err)
	for name, config := range map[string]*ssh.ClientConfig{
		"wrong password": juniper.SSHConfigPassword(user, "wrong"),
		"unknown user":   juniper.SSHConfigPassword("nobody", password),
		"no password":    juniper.SSHConfigPassword(user, ""),
		"unknown key":    {User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(stranger)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()},
		"none":           {User: user, HostKeyCallback: ssh.InsecureIgnoreHostKey()},
	} {
		if s, err := juniper.DialSSH(e.addr.String(), config); err == nil {
			s.Close()
			t.Errorf("%s: let in", name)
		} else if !strings.Contains(err.Error(), "unable to authenticate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
