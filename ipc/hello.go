package ipc

import (
	"crypto/hmac"
	"net"
	"reflect"
)

// answerProof plays the daemon's part of the proof.
func (c *serverConn) answerProof(name string, text []byte, a *answer) bool {
	var reply any
	var err error
	if name == "hello" {
		reply, err = c.answerHello(text)
	} else {
		reply, err = c.answerProve(text)
	}
	return a.finish(reply, asError(err)) == nil && err == nil
}

func (c *serverConn) answerHello(text []byte) (any, error) {
	req, err := proofRequest[helloRequest]("hello", text)
	if err != nil {
		return nil, err
	}
	if len(req.Nonce) != nonceSize {
		return nil, Errorf(CodeBadRequest, "hello: nonce has %d bytes, want %d", len(req.Nonce), nonceSize)
	}
	port := 0 // of a Unix socket
	if local, ok := c.nc.LocalAddr().(*net.TCPAddr); ok {
		port = local.Port
	}
	c.hello = &exchanged{
		secret: c.server.cfg.Endpoint.Secret, daemon: c.server.cfg.Endpoint.Daemon,
		port: port, client: req.Nonce, server: newNonce(),
	}
	return helloReply{Version: Protocol, Nonce: c.hello.server, Proof: c.hello.daemonProof()}, nil
}

func (c *serverConn) answerProve(text []byte) (any, error) {
	req, err := proofRequest[proveRequest]("prove", text)
	if err != nil {
		return nil, err
	}
	x := c.hello
	c.hello = nil // one try for each nonce
	if x == nil {
		return nil, Errorf(CodeUnauthorized, "prove: hello comes first")
	}
	if !hmac.Equal(x.clientProof(), req.Proof) {
		c.server.cfg.Log.Warn("wrong proof", "peer", c.nc.RemoteAddr().String())
		return nil, Errorf(CodeUnauthorized, "prove: wrong proof").
			WithHint("the daemon may have been restarted: read its PID file again")
	}
	c.proved.Store(true)
	return proveReply{BuildID: c.server.cfg.Endpoint.BuildID}, nil
}

// proofRequest decodes a request of the proof as strictly as any other.
func proofRequest[Req any](name string, text []byte) (*Req, error) {
	s := requestShape(reflect.TypeFor[Req]())
	req, err := Handler{Method: Method{Name: name, Request: reflect.TypeFor[Req]()}, shape: s}.decode(text)
	if err != nil {
		return nil, err
	}
	return req.(*Req), nil
}
