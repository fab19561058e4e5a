package urls

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// httpsPlace is what GET, PUT and DELETE of RFC 9110 concern.
type httpsPlace struct {
	url         *url.URL
	server      HTTPSServer
	authorities *x509.CertPool
}

func (p *httpsPlace) read(ctx context.Context, use func(io.Reader) error) error {
	return p.do(ctx, http.MethodGet, nil, use, http.StatusOK)
}

func (p *httpsPlace) write(ctx context.Context, fill func(io.Writer) error) error {
	body, into := io.Pipe()
	var filling sync.WaitGroup
	filling.Go(func() { into.CloseWithError(fill(into)) }) // with an error the request is not completed, and the server learns so
	defer filling.Wait()
	defer body.Close()
	return p.do(ctx, http.MethodPut, body, nil, http.StatusOK, http.StatusCreated, http.StatusNoContent)
}

func (p *httpsPlace) delete(ctx context.Context) error {
	return p.do(ctx, http.MethodDelete, nil, nil, http.StatusOK, http.StatusAccepted, http.StatusNoContent)
}

// do makes one request over a connection of its own. A redirection is not followed: it would lead to servers that are not listed.
func (p *httpsPlace) do(ctx context.Context, method string, body io.Reader, use func(io.Reader) error, fine ...int) error {
	request, err := http.NewRequestWithContext(ctx, method, p.url.String(), body)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/xml, */*")
	if body != nil {
		request.Header.Set("Content-Type", "application/xml")
	}
	transport := &http.Transport{TLSClientConfig: p.tls(), DisableKeepAlives: true, DisableCompression: true}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // what is said of the URL is said already
		}
		return err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone:
		return ErrNotFound
	case !slices.Contains(fine, response.StatusCode):
		return fmt.Errorf("the server answers %s", response.Status)
	case use != nil:
		return use(response.Body)
	}
	return nil
}

// tls says which server it has to be.
func (p *httpsPlace) tls() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: p.authorities, ServerName: p.url.Hostname()}
	if want := p.server.Fingerprint; want != "" {
		c.InsecureSkipVerify = true // what is verified instead is stronger
		c.VerifyConnection = func(state tls.ConnectionState) error {
			sum := sha256.Sum256(state.PeerCertificates[0].Raw)
			if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, strings.ReplaceAll(want, ":", "")) {
				return errors.New("the server shows another certificate than the one that is configured, with the SHA-256 digest " + got)
			}
			return nil
		}
	}
	return c
}
