package usertun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const tunPath = "/dev/net/tun"

// tun is a TUN interface whose packets are preceded by a virtio header, so that TCP and UDP super-packets of up to 64 KiB
// pass it whole. It is gone when it is closed, or when the process ends.
type tun struct {
	file *os.File
	conn syscall.RawConn
	name string
	uso  bool // the kernel takes UDP super-packets (Linux 6.2)
}

// openTun makes an interface in the namespace of the calling thread. The %d in pattern becomes the first free number.
func openTun(pattern string) (*tun, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, explainTun(err)
	}
	t := &tun{}
	if err := t.set(fd, pattern); err != nil {
		unix.Close(fd)
		return nil, explainTun(err)
	}
	t.file, t.conn, err = pollable(fd, tunPath)
	return t, err
}

func (t *tun) set(fd int, pattern string) error {
	request, err := unix.NewIfreq(pattern)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return err
	}
	t.name = request.Name()
	const tcp = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN
	t.uso = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp|unix.TUN_F_USO4|unix.TUN_F_USO6) == nil
	if t.uso {
		return nil
	}
	return unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tcp)
}

func explainTun(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("TUN device: %w; load the module (modprobe tun), or give the container --device %s", err, tunPath)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("open %s: %w; let this user read and write it (chmod 0666 %s, the usual mode)", tunPath, err, tunPath)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("TUN device: %w; it needs CAP_NET_ADMIN (setcap cap_net_admin,cap_net_raw+ep, or "+
			"AmbientCapabilities= in the systemd unit), and a device cgroup that allows %s", err, tunPath)
	}
	return fmt.Errorf("TUN device: %w", err)
}
