package element

import (
	"context"

	"mooring/server/apply"
	"mooring/server/datastore"
	"mooring/server/netconf/urls"
)

// reach is a consumer. The server begins after the datastore, and is told what is configured then as it begins.
func (e *Element) reach(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	return applied(func() {
		if e.netconf != nil && config.Manage != e.running.Load().Manage {
			e.netconf.ReachURLs(e.reachable(config.Manage.URLs))
		}
	}), nil
}

// reachable is what NETCONF operations may name by URL.
func (e *Element) reachable(u apply.URLs) *urls.Files {
	c := urls.Config{File: u.File, Timeout: u.Timeout}
	for _, s := range u.HTTPS {
		c.HTTPS = append(c.HTTPS, urls.HTTPSServer(s))
	}
	for _, s := range u.SFTP {
		c.SFTP = append(c.SFTP, urls.SFTPServer(s))
	}
	return &urls.Files{Config: c, Folder: e.folder.files, Identity: e.keys.Host}
}
