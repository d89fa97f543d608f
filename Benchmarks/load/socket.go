package main

import (
	"fmt"
	"net"
	"syscall"
	"unsafe"
)

const (
	ipBindAddressNoPort = 24
	sysEpollPwait2      = 441 // the same number on every architecture
	msgTrunc            = 0x20
)

// address is an IPv4 address and a port.
type address struct {
	ip   [4]byte
	port int
}

func (a address) String() string {
	return fmt.Sprintf("%d.%d.%d.%d:%d", a.ip[0], a.ip[1], a.ip[2], a.ip[3], a.port)
}

// turn is the address of this kind number n: 127.0.0.1 and those after it.
func (a address) turn(n int) address {
	a.ip[3] += byte(n)
	return a
}

func parseAddress(text string) (address, error) {
	resolved, err := net.ResolveTCPAddr("tcp4", text)
	if err != nil || resolved.IP.To4() == nil {
		return address{}, fmt.Errorf("no IPv4 address:port: %q", text)
	}
	a := address{port: resolved.Port}
	copy(a.ip[:], resolved.IP.To4())
	return a, nil
}

// connect starts a connection, from a loopback address of its own where source is not nil.
func connect(to address, source *address) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if source != nil {
		// The port is chosen when the destination is known, so that all sources have the whole range.
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
		if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: source.ip}); err != nil {
			syscall.Close(fd)
			return -1, err
		}
	}
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Addr: to.ip, Port: to.port})
	if err != nil && err != syscall.EINPROGRESS {
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// discard takes up to len(buffer) bytes out of the socket without copying them.
func discard(fd int, buffer []byte) (int, error) {
	n, _, errno := syscall.Syscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&buffer[0])),
		uintptr(len(buffer)), msgTrunc, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// poller is an epoll instance whose timeouts are exact to the microsecond.
type poller struct {
	fd     int
	events [256]syscall.EpollEvent
}

func newPoller() (*poller, error) {
	// The default slack of timers is 50 µs; an open loop must not be that late.
	const prSetTimerSlack = 29
	syscall.Syscall(syscall.SYS_PRCTL, prSetTimerSlack, 1, 0)
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &poller{fd: fd}, err
}

// add watches fd for whatever happens, by edges; slot comes back with its events.
func (p *poller) add(fd, slot int) error {
	const edge = 1 << 31
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | edge, Fd: int32(slot)}
	return syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &event)
}

// wait returns the events until then; a negative timeout in nanoseconds waits for ever.
func (p *poller) wait(timeout int64) []syscall.EpollEvent {
	var limit *syscall.Timespec
	if timeout >= 0 {
		spec := syscall.NsecToTimespec(timeout)
		limit = &spec
	}
	n, _, errno := syscall.Syscall6(sysEpollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(limit)), 0, 0)
	if errno != 0 {
		return nil // EINTR: the runtime's own signals
	}
	return p.events[:n]
}
