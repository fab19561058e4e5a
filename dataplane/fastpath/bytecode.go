package fastpath

import (
	"bytes"
	_ "embed"

	"github.com/cilium/ebpf"
)

// The programs are compiled when they are changed, and their bytecode is part of the repository, so that neither building
// nor running needs a compiler for them. Changing and testing them takes clang and llvm-strip (Debian 12: clang-14, llvm-14, libbpf-dev).
//
//go:generate clang-14 -O2 -g -fdebug-compilation-dir=. -Wall -Werror -target bpfel -idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include/aarch64-linux-gnu -c tunnel.bpf.c -o tunnel.bpf.o
//go:generate llvm-strip-14 -g tunnel.bpf.o

//go:embed tunnel.bpf.o
var bytecode []byte

// objects are what the bytecode consists of, under the names of tunnel.bpf.c.
type objects struct {
	ToNodes   *ebpf.Program `ebpf:"to_nodes"`
	FromNodes *ebpf.Program `ebpf:"from_nodes"`
	FromPeer  *ebpf.Program `ebpf:"from_peer"`
	Routes    *ebpf.Map     `ebpf:"routes"`
	Tunnels   *ebpf.Map     `ebpf:"tunnels"`
	Peers     *ebpf.Map     `ebpf:"peers"`
	Counters  *ebpf.Map     `ebpf:"counters"`
	Accounts  *ebpf.Map     `ebpf:"accounts"`
}

// load hands the programs to the kernel, which verifies them.
func (o *objects) load() error {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(bytecode))
	if err != nil {
		return err
	}
	return spec.LoadAndAssign(o, nil)
}

func (o *objects) close() {
	for _, program := range []*ebpf.Program{o.ToNodes, o.FromNodes, o.FromPeer} {
		program.Close()
	}
	for _, m := range []*ebpf.Map{o.Routes, o.Tunnels, o.Peers, o.Counters, o.Accounts} {
		m.Close()
	}
}
