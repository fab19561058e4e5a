// Package urls reads, writes and deletes what URLs name: files of one folder, and what is on HTTPS and SFTP servers that are
// listed (RFC 6241 section 8.8). Nothing else can be reached, wherever a URL points.
//
//	urls.go    what may be reached, and the operations
//	target.go  a URL, understood and allowed
//	file.go    file:///NAME
//	https.go   https://HOST/NAME
//	sftp.go    sftp://USER@HOST/NAME
package urls
