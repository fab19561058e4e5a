package access

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// Keys are what the element proves its own identity with. They are made at first start and kept in keys/ (mode 0700).
type Keys struct {
	Host            ssh.Signer // ed25519
	HostFingerprint string     // as SSH clients show it: SHA256:…
	Certificate     tls.Certificate
	// CertificateFingerprint is the SHA-256 digest as openssl prints it.
	CertificateFingerprint string
}

const (
	keysDir     = "keys"
	hostKeyFile = "keys/host-ed25519.pem"
	tlsKeyFile  = "keys/certificate-key.pem"
	tlsCertFile = "keys/certificate.pem"
)

// selfSigned is how long a certificate made here is valid. Clients trust it by fingerprint, so a short life would only
// surprise.
const selfSigned = 10 * 365 * 24 * time.Hour

// LoadKeys reads the keys below the state folder and makes those that are missing. A file that is there and cannot be used
// is an error: a new identity is not made behind the operator's back.
func LoadKeys(dir *os.Root, hostname string, now time.Time) (*Keys, error) {
	if err := dir.Mkdir(keysDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	k := &Keys{}
	if err := k.loadHost(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", hostKeyFile, err)
	}
	if err := k.loadCertificate(dir, hostname, now); err != nil {
		return nil, fmt.Errorf("%s: %w", tlsCertFile, err)
	}
	return k, nil
}

func (k *Keys) loadHost(dir *os.Root) error {
	key, err := readKey(dir, hostKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		_, fresh, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		if err := writeKey(dir, hostKeyFile, fresh); err != nil {
			return err
		}
		key = fresh
	} else if err != nil {
		return err
	}
	if k.Host, err = ssh.NewSignerFromKey(key); err != nil {
		return err
	}
	k.HostFingerprint = ssh.FingerprintSHA256(k.Host.PublicKey())
	return nil
}

func (k *Keys) loadCertificate(dir *os.Root, hostname string, now time.Time) error {
	if _, err := dir.Stat(tlsCertFile); errors.Is(err, fs.ErrNotExist) {
		if err := makeCertificate(dir, hostname, now); err != nil {
			return err
		}
	}
	return k.readCertificate(dir)
}

func (k *Keys) readCertificate(dir *os.Root) error {
	text, err := dir.ReadFile(tlsCertFile)
	if err != nil {
		return err
	}
	key, err := dir.ReadFile(tlsKeyFile)
	if err != nil {
		return err
	}
	if k.Certificate, err = tls.X509KeyPair(text, key); err != nil {
		return err
	}
	k.CertificateFingerprint = Fingerprint(k.Certificate.Certificate[0])
	return nil
}

// makeCertificate signs a certificate for the host and for loopback, and writes it behind its key.
func makeCertificate(dir *os.Root, hostname string, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: hostname, Organization: []string{"Mooring, self-signed"}},
		DNSNames:     []string{hostname, "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Hour), // clocks of clients differ
		NotAfter:     now.Add(selfSigned),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Some clients, gnmic among them, trust nothing but certificates of authorities: it is one, for itself.
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writeKey(dir, tlsKeyFile, key); err != nil {
		return err
	}
	return writeFile(dir, tlsCertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func readKey(dir *os.Root, name string) (crypto.PrivateKey, error) {
	text, err := dir.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("holds no PEM block")
	}
	return x509.ParsePKCS8PrivateKey(block.Bytes)
}

func writeKey(dir *os.Root, name string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeFile(dir, name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// writeFile makes a file whole or not at all, readable for its owner only.
func writeFile(dir *os.Root, name string, data []byte) error {
	f, err := dir.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return dir.Rename(name+".new", name)
}
