package remotehelper

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// tlsConfig reads the files that the configuration names.
func tlsConfig(c remotewire.Config, host string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if c.TLSCA != "" {
		pem, err := os.ReadFile(c.TLSCA)
		if err != nil {
			return nil, fault(remotewire.CauseConfig, "tls_ca: %v", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault(remotewire.CauseConfig, "tls_ca: %s has no certificate in PEM form", c.TLSCA)
		}
	}
	if c.TLSCert != "" {
		own, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, fault(remotewire.CauseConfig, "tls_cert and tls_key: %v", err)
		}
		t.Certificates = []tls.Certificate{own}
	}
	return t, nil
}
