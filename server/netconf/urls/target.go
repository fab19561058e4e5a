package urls

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// locate understands a URL and finds out whether it may be used.
func (f *Files) locate(text string) (place, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil: // which would repeat a password
		return nil, badURL("this is not a URL")
	case u.Opaque != "" || u.RawQuery != "" && u.Scheme != "https" || u.Fragment != "":
		return nil, badURL("a URL here has a scheme, a server and a path, as in https://server/path")
	}
	switch u.Scheme {
	case "file":
		return f.file(u)
	case "https":
		for _, s := range f.HTTPS {
			if leadsTo(u, s.Host, s.Port, 443) {
				return &httpsPlace{url: u, server: s, authorities: f.authorities}, nil
			}
		}
	case "sftp":
		for _, s := range f.SFTP {
			if leadsTo(u, s.Host, s.Port, 22) {
				return &sftpPlace{url: u, server: s, identity: f.Identity}, nil
			}
		}
	default:
		return nil, badURL("scheme %s cannot be used; these can: %s", strconv.Quote(u.Scheme), strings.Join(f.Schemes(), ", "))
	}
	return nil, badURL("%s is not among the %s servers that are configured", strconv.Quote(u.Host), u.Scheme)
}

// leadsTo reports whether a URL is one of a server. standard is the port that a URL means without one.
func leadsTo(u *url.URL, host string, port, standard uint16) bool {
	given := uint64(standard)
	if text := u.Port(); text != "" {
		var err error
		if given, err = strconv.ParseUint(text, 10, 16); err != nil {
			return false
		}
	}
	return given == uint64(port) && sameHost(u.Hostname(), host)
}

// sameHost compares names without case, and addresses however they are written.
func sameHost(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX == nil && errY == nil {
		return x == y
	}
	return strings.EqualFold(a, b)
}

// address is where a server is, as net.Dial wants it.
func address(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
