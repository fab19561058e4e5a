package apply

import (
	"time"

	"mooring/gen"
)

// URLs says what NETCONF operations may name by URL.
type URLs struct {
	File    bool
	HTTPS   []HTTPSServer
	SFTP    []SFTPServer
	Timeout time.Duration
}

// HTTPSServer is a server of files over HTTPS.
type HTTPSServer struct {
	Host        string // name or address
	Port        uint16
	Fingerprint string // of its certificate; empty: one that the host trusts
}

// SFTPServer is a server of files over SFTP.
type SFTPServer struct {
	Host string // name or address
	Port uint16
	Key  []byte // its host key
}

func (j *job) urls(at place, x *gen.MooringSystem_System_Netconf_Url) URLs {
	u := URLs{File: x.GetFile(), Timeout: time.Duration(x.GetTimeout()) * time.Second}
	for _, e := range at.child("https-server").entries() {
		s, err := j.httpsView.of(e.node)
		j.check(e, err)
		u.HTTPS = append(u.HTTPS, HTTPSServer{s.GetHost(), s.GetPort(), s.GetFingerprint()})
	}
	for _, e := range at.child("sftp-server").entries() {
		s, err := j.sftpView.of(e.node)
		j.check(e, err)
		if keyType(s.HostKey) == "" && !j.unsure(e) {
			j.refuse(e.child("host-key"), mustViolation, "this is not a host key; give the last word of a line that ssh-keyscan prints")
		}
		u.SFTP = append(u.SFTP, SFTPServer{s.GetHost(), s.GetPort(), s.HostKey})
	}
	return u
}
