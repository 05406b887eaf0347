package ipc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// Numbers of linux/inet_diag.h, linux/sock_diag.h and net/tcp_states.h that x/sys
// does not have.
const (
	sockDiagByFamily = 20
	tcpEstablished   = 1
	diagRequestSize  = unix.SizeofNlMsghdr + 56 // struct inet_diag_req_v2
	diagReplySize    = unix.SizeofNlMsghdr + 72 // struct inet_diag_msg
	overflowUID      = 65534                    // what a user without a number in our namespace reads as
)

// peerCheck asks the kernel to whom the other end of a loopback connection belongs:
// one exact lookup (no dump) over a kept socket, some 7 µs.
type peerCheck struct {
	mu  sync.Mutex
	fd  int
	seq uint32
}

func newPeerCheck() (*peerCheck, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000})
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	return &peerCheck{fd: fd}, nil
}

func (p *peerCheck) close() { unix.Close(p.fd) }

// sameUser reports whether the peer of c is a live socket of our own user. A closed
// socket of any user reads as uid 0 with inode 0, so only an established one with an
// inode counts. In doubt the answer is no.
func (p *peerCheck) sameUser(c net.Conn) bool {
	local, ok1 := addrPort(c.LocalAddr())
	remote, ok2 := addrPort(c.RemoteAddr())
	if !ok1 || !ok2 || !remote.Addr().IsLoopback() {
		return false
	}
	uid, err := p.owner(remote, local)
	return err == nil && uid != overflowUID && int(uid) == unix.Geteuid()
}

// owner returns the user of the established socket that is bound to from and
// connected to to.
func (p *peerCheck) owner(from, to netip.AddrPort) (uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	request := diagRequest(p.seq, from, to)
	if err := unix.Sendto(p.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, fmt.Errorf("ask for socket: %w", err)
	}
	var buf [512]byte
	for {
		n, _, err := unix.Recvfrom(p.fd, buf[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("ask for socket: %w", err)
		}
		if n >= unix.SizeofNlMsghdr && binary.NativeEndian.Uint32(buf[8:]) != p.seq {
			continue // the late answer to a question that timed out
		}
		return diagOwner(buf[:n], request)
	}
}

// diagRequest encodes nlmsghdr and inet_diag_req_v2 {family, protocol, ext, pad,
// states, id {sport, dport, src[4], dst[4], if, cookie[2]}}.
func diagRequest(seq uint32, from, to netip.AddrPort) []byte {
	b := make([]byte, diagRequestSize)
	ne := binary.NativeEndian
	ne.PutUint32(b[0:], diagRequestSize)
	ne.PutUint16(b[4:], sockDiagByFamily)
	ne.PutUint16(b[6:], unix.NLM_F_REQUEST)
	ne.PutUint32(b[8:], seq)
	b[16], b[17] = unix.AF_INET, unix.IPPROTO_TCP
	if from.Addr().Is6() {
		b[16] = unix.AF_INET6
	}
	ne.PutUint32(b[20:], ^uint32(0)) // any state: the kernel ignores it without a dump
	binary.BigEndian.PutUint16(b[24:], from.Port())
	binary.BigEndian.PutUint16(b[26:], to.Port())
	copy(b[28:44], from.Addr().AsSlice())
	copy(b[44:60], to.Addr().AsSlice())
	ne.PutUint64(b[64:], ^uint64(0)) // no cookie
	return b
}

// diagOwner decodes nlmsghdr and inet_diag_msg {family, state, timer, retrans, id,
// expires, rqueue, wqueue, uid, inode}. A 4-tuple that does not exist falls back to
// the listening socket, hence the comparison with what was asked.
func diagOwner(reply, request []byte) (uint32, error) {
	if len(reply) < diagReplySize || binary.NativeEndian.Uint16(reply[4:]) != sockDiagByFamily {
		return 0, errors.New("no such socket")
	}
	state := reply[17]
	uid, inode := binary.NativeEndian.Uint32(reply[80:]), binary.NativeEndian.Uint32(reply[84:])
	if state != tcpEstablished || inode == 0 {
		return 0, fmt.Errorf("socket is not open (state %d)", state)
	}
	if !sameTuple(reply[16], reply[20:], request[16], request[24:]) {
		return 0, errors.New("answer is about another socket")
	}
	return uid, nil
}

// sameTuple compares the beginnings of two struct inet_diag_sockid. A v4-mapped
// socket is found by an IPv4 question and answered for as IPv6.
func sameTuple(family1 byte, id1 []byte, family2 byte, id2 []byte) bool {
	const src, dst = 4, 20
	return string(id1[:src]) == string(id2[:src]) && // both ports
		diagAddr(family1, id1[src:]) == diagAddr(family2, id2[src:]) &&
		diagAddr(family1, id1[dst:]) == diagAddr(family2, id2[dst:])
}

func diagAddr(family byte, b []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b))
	}
	return netip.AddrFrom16([16]byte(b)).Unmap()
}

// addrPort returns a as a plain IPv4 or IPv6 address: v4-mapped ones are IPv4.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
}
