package remotehelper

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// connectionFault says why there is no connection, nil if err does not tell.
func connectionFault(err error) *remotewire.Fault {
	var (
		noHost  *net.DNSError
		invalid *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		timeout net.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &noHost):
		return fault(remotewire.CauseNoHost, "%s: %s", noHost.Name, noHost.Err)
	case errors.As(err, &invalid):
		return fault(remotewire.CauseCertificate, "%s", certificateText(invalid.Err))
	case errors.As(err, &record):
		return fault(remotewire.CauseTLS, "the server does not speak TLS on this port")
	case errors.As(err, &alert):
		return fault(remotewire.CauseTLS, "the server ended the TLS handshake: %v", alert)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fault(remotewire.CauseRefused, "connection refused")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fault(remotewire.CauseTimeout, "no answer in time")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault(remotewire.CauseRefused, "the server closed the connection")
	}
	var dial *net.OpError
	if errors.As(err, &dial) {
		return fault(remotewire.CauseRefused, "%v", dial)
	}
	return nil
}

// certificateText says what is wrong with a certificate.
func certificateText(err error) string {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired or is not valid yet (" + invalid.Detail + ")"
	case errors.As(err, &unknown):
		return "nobody that this machine trusts has signed it"
	case errors.As(err, &host):
		return "it is for another host: " + host.Error()
	}
	return err.Error()
}

// statusFault says why a call of gRPC failed. dialed is the last error of the connection.
func statusFault(err error, dialed error) *remotewire.Fault {
	var own *remotewire.Fault
	if errors.As(err, &own) {
		return own
	}
	s, _ := status.FromError(err)
	text := firstLine(s.Message())
	switch s.Code() {
	case codes.DeadlineExceeded, codes.Canceled:
		return fault(remotewire.CauseTimeout, "no answer in time")
	case codes.Unauthenticated:
		return fault(remotewire.CauseUnauthenticated, "%s", text)
	case codes.PermissionDenied:
		return fault(remotewire.CauseDenied, "%s", text)
	case codes.NotFound:
		return fault(remotewire.CauseMissing, "%s", text)
	case codes.ResourceExhausted:
		if strings.Contains(text, "larger than max") {
			return fault(remotewire.CauseProtocol, "%s", text)
		}
		return fault(remotewire.CauseFull, "%s", text)
	case codes.Unavailable:
		if strings.Contains(text, "server preface") && !cutOff(text) {
			return fault(remotewire.CauseProtocol, "the server does not speak gRPC on this port")
		}
		if f := connectionFault(dialed); f != nil {
			return f
		}
		if brokenConnection(text) {
			return fault(remotewire.CauseRefused, "the server closed the connection")
		}
		return fault(remotewire.CauseServer, "%s", text)
	case codes.InvalidArgument, codes.Unimplemented, codes.OutOfRange:
		return fault(remotewire.CauseProtocol, "%s: %s", s.Code(), text)
	}
	return fault(remotewire.CauseServer, "%s: %s", s.Code(), text)
}

// brokenConnection reports whether a text of gRPC means that the connection broke.
func brokenConnection(text string) bool {
	return cutOff(text) || strings.Contains(text, "connection error") || strings.Contains(text, "closing transport")
}

// cutOff reports whether a text of gRPC or HTTP means that the other side closed the
// connection.
func cutOff(text string) bool {
	signs := []string{"EOF", "broken pipe", "connection reset", "closed idle connection"}
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(text, sign) })
}

// talksFirst is what net/http says of a server that sends something before it is asked, as one of
// HTTP/2 does, if that comes early.
const talksFirst = "readLoopPeekFailLocked: %!w(<nil>)"

// httpFault says why a request of HTTP got no answer.
func httpFault(err error) *remotewire.Fault {
	var own *remotewire.Fault
	if errors.As(err, &own) {
		return own
	}
	if f := connectionFault(err); f != nil {
		return f
	}
	if errors.Is(err, context.Canceled) {
		return fault(remotewire.CauseTimeout, "no answer in time")
	}
	var call *url.Error
	if errors.As(err, &call) {
		err = call.Err // the rest is the request
	}
	switch text := err.Error(); {
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, talksFirst):
		return fault(remotewire.CauseProtocol, "the server does not speak HTTP/1.1 on this port")
	case strings.Contains(text, "HTTP response to HTTPS client"):
		return fault(remotewire.CauseTLS, "the server does not speak TLS on this port")
	case cutOff(text):
		return fault(remotewire.CauseRefused, "the server closed the connection")
	}
	return fault(remotewire.CauseServer, "%s", firstLine(err.Error()))
}

// firstLine bounds a text that a server wrote.
func firstLine(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// severe reports whether the rest of a transfer would fail as well: then it is given up. A
// single blob that is gone or damaged does not say so.
func severe(err error) bool {
	var f *remotewire.Fault
	if !errors.As(err, &f) {
		return err != nil
	}
	return f.Cause != remotewire.CauseMissing && f.Cause != remotewire.CauseDamaged && f.Cause != remotewire.CauseTooLarge
}
