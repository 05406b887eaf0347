package ipc

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// The proof of identity. Both sides show that they know the secret in the endpoint
// file without sending it, the daemon first, so that a stranger who got the port
// learns nothing:
//
//	→ hello {version, nonce}       32 random bytes
//	← {version, nonce, proof}      HMAC-SHA256(secret, "daemon:NAME" 0 port nonce nonce')
//	→ prove {proof}                HMAC-SHA256(secret, "client:NAME" 0 port nonce nonce')
//	← {build_id}
//
// The role keeps one side's proof from being sent back as the other's. Each side
// takes the port from its own end, so a proof relayed from another port is worth
// nothing. What follows travels in the clear: this is loopback, and who can read or
// change its packets is root.

// nonceSize is the length of a nonce and of a secret in bytes.
const nonceSize = 32

// helloRequest opens the proof.
type helloRequest struct {
	Version int    `json:"version"` // protocol of the client
	Nonce   []byte `json:"nonce"`   // 32 random bytes, base64
}

// helloReply is the daemon's proof.
type helloReply struct {
	Version int    `json:"version"` // protocol of the daemon
	Nonce   []byte `json:"nonce"`   // 32 random bytes, base64
	Proof   []byte `json:"proof"`   // HMAC-SHA256, base64
}

// proveRequest is the client's proof.
type proveRequest struct {
	Proof []byte `json:"proof"` // HMAC-SHA256, base64
}

// proveReply says that from now on every action is open.
type proveReply struct {
	BuildID string `json:"build_id"` // of the daemon's binary
}

// newNonce returns 32 random bytes.
func newNonce() []byte {
	nonce := make([]byte, nonceSize)
	rand.Read(nonce) // never fails: crypto/rand crashes the program instead
	return nonce
}

// exchanged is what both sides know after hello.
type exchanged struct {
	secret         []byte
	daemon         string
	port           int
	client, server []byte // nonces
}

func (x exchanged) daemonProof() []byte { return x.proof("daemon:" + x.daemon) }
func (x exchanged) clientProof() []byte { return x.proof("client:" + x.daemon) }

// proof is unambiguous: no role holds a NUL, and what follows has a fixed length.
func (x exchanged) proof(role string) []byte {
	mac := hmac.New(sha256.New, x.secret)
	mac.Write(append([]byte(role), 0))
	mac.Write(binary.BigEndian.AppendUint16(nil, uint16(x.port)))
	mac.Write(x.client)
	mac.Write(x.server)
	return mac.Sum(nil)
}
