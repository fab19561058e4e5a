package vm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// wantedModules are what the guest needs of the kernel, beside what these depend on. The first is asked for by name when another one
// starts, which modules.dep does not say.
var wantedModules = []string{
	"crc32c_generic",
	"ip_gre", "ip6_gre", "ipip", "sit", "ip6_tunnel", "fou", "fou6", "vrf", "dummy", "veth", "tun", "sch_netem",
	"nft_fib_inet", "nft_objref", "nft_chain_nat", "nft_masq",
}

// kernel is an unpacked kernel of the distribution.
type kernel struct{ image, folder string } // folder has modules.dep

// findKernel returns the kernel in the user's cache folder, which it fetches once. It needs apt-get, dpkg-deb and depmod; nothing
// is installed.
func findKernel(ctx context.Context) (kernel, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return kernel{}, err
	}
	root := filepath.Join(cache, "mooring-vm", "kernel")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		if err := fetchKernel(ctx, root); err != nil {
			return kernel{}, fmt.Errorf("%w (it needs apt-get, dpkg-deb and depmod)", err)
		}
	}
	images, _ := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if len(images) != 1 {
		return kernel{}, fmt.Errorf("%s has %d kernels; remove it and try again", root, len(images))
	}
	version := strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")
	return kernel{images[0], filepath.Join(root, "lib", "modules", version)}, nil
}

// fetchKernel unpacks the package that linux-image-amd64 stands for. The folder appears as a whole or not at all.
func fetchKernel(ctx context.Context, root string) error {
	if err := os.MkdirAll(filepath.Dir(root), 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(root), "fetch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	name, err := packageName(ctx)
	if err != nil {
		return err
	}
	if _, err := output(ctx, temp, "apt-get", "download", name); err != nil {
		return err
	}
	packages, _ := filepath.Glob(filepath.Join(temp, "*.deb"))
	if len(packages) != 1 {
		return fmt.Errorf("apt-get download %s left %d packages", name, len(packages))
	}
	unpacked := filepath.Join(temp, "kernel")
	if _, err := output(ctx, temp, "dpkg-deb", "-x", packages[0], unpacked); err != nil {
		return err
	}
	version := strings.TrimPrefix(name, "linux-image-")
	if _, err := output(ctx, temp, "/sbin/depmod", "-b", unpacked, version); err != nil {
		return err
	}
	return os.Rename(unpacked, root)
}

func packageName(ctx context.Context) (string, error) {
	depends, err := output(ctx, "", "apt-cache", "depends", "linux-image-amd64")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(depends) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "Depends: "); ok && strings.HasPrefix(name, "linux-image-") {
			return name, nil
		}
	}
	return "", fmt.Errorf("apt-cache does not know linux-image-amd64: %q", depends)
}

func output(ctx context.Context, folder, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	said, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return string(said), nil
}

// modules returns the files of the modules and of what they depend on, each after what it needs. What is built into the kernel is
// none.
func (k kernel) modules(wanted []string) ([]string, error) {
	needs, err := k.dependencies()
	if err != nil {
		return nil, err
	}
	builtin, err := os.ReadFile(filepath.Join(k.folder, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, name := range wanted {
		list := needs[name]
		if list == nil && !strings.Contains(string(builtin), "/"+name+".ko") {
			return nil, fmt.Errorf("%s has no module %s", k.folder, name)
		}
		for _, file := range slices.Backward(list) { // itself first, what is needed last
			if path := filepath.Join(k.folder, file); !slices.Contains(files, path) {
				files = append(files, path)
			}
		}
	}
	return files, nil
}

// dependencies reads modules.dep: by name a module's file, and those of everything that it needs, the most basic last.
func (k kernel) dependencies() (map[string][]string, error) {
	f, err := os.Open(filepath.Join(k.folder, "modules.dep"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	needs := map[string][]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		file, rest, _ := strings.Cut(lines.Text(), ":")
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		needs[strings.ReplaceAll(name, "-", "_")] = append([]string{file}, strings.Fields(rest)...)
	}
	return needs, lines.Err()
}
