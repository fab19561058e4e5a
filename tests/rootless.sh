#!/bin/sh
# Runs the tests as a user without any rights, on a machine without a network: "make rootless". Root makes up such a user for the
# time of the tests; whoever else runs this is one. Arguments are for go test, such as -json.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}

# What computes, or makes namespaces of its own, has not even the loopback interface. Servers and who talks with them have that.
alone=$($GO list ./dataplane/... ./gen/... ./mobility/... ./server/apply ./server/datastore ./server/tree/... ./yang/... |
	grep -vxF "$($GO list ./mobility/aaa/client ./mobility/aaa/disconnect)")

# What serves on loopback ports or speaks with such servers takes no right that a user lacks, and long to test.
indifferent=$($GO list ./server/netconf ./server/gnmi ./tests/interop/netconf ./tests/interop/gnmi)

# by_nobody STATE COMMAND... runs a command with the loopback interface up or down, and no other.
by_nobody() {
	if [ "$(id -u)" = 0 ]; then
		unshare --mount --net --propagation private sh "$self" inside "$@"
	else
		unshare --user --map-root-user --net sh "$self" again "$(id -u)" "$(id -g)" "$@"
	fi
}

# In a mount namespace of its own, root makes up a user, opens /dev/net/tun to him, and lets him see what Go needs of root's home, which
# is usually closed. He may write to Go's cache, and root's stays as it is: what he adds is in memory.
make_up_user() {
	temp=$1 home=$HOME cache=$($GO env GOCACHE) modules=$($GO env GOMODCACHE) sources=$PWD
	mount -t tmpfs -o mode=755 tmpfs "$temp"
	mkdir "$temp/root" "$temp/home" "$temp/upper" "$temp/work"
	(cd "$temp/upper" && mkdir $(seq 0 255 | xargs printf '%02x '))
	chown -R "$uid:$uid" "$temp/home" "$temp/upper"

	echo "nothing:x:$uid:$uid::$temp/home:/bin/sh" | cat /etc/passwd - >"$temp/passwd"
	mount --bind "$temp/passwd" /etc/passwd
	mknod -m 666 "$temp/tun" c 10 200
	mount --bind "$temp/tun" /dev/net/tun

	mount --bind "$home" "$temp/root"
	mount -t tmpfs -o mode=755 tmpfs "$home"
	for folder in "$modules" "$sources"; do
		case $folder in "$home"/*) mkdir -p "$folder" && mount --bind "$temp/root/${folder#"$home"/}" "$folder" ;; esac
	done
	lower=$cache
	case $cache in "$home"/*) lower=$temp/root/${cache#"$home"/} && mkdir -p "$cache" ;; esac
	mount -t overlay -o "lowerdir=$lower,upperdir=$temp/upper,workdir=$temp/work" overlay "$cache"
	umount --lazy "$temp/root"
	cd "$sources"
	export HOME="$temp/home" GOCACHE="$cache" GOMODCACHE="$modules" GOFLAGS=-buildvcs=false
}

uid=64321
self=$PWD/tests/rootless.sh
case ${1:-} in
inside)
	network=$2
	shift 2
	ip link set lo "$network"
	make_up_user "$ROOTLESS_FOLDER"
	exec setpriv --reuid=$uid --regid=$uid --clear-groups --inh-caps=-all --no-new-privs "$@"
	;;
again) # as who one was, after the network is gone
	user=$2 group=$3 network=$4
	shift 4
	ip link set lo "$network"
	exec unshare --user --map-user="$user" --map-group="$group" "$@"
	;;
esac

$GO list -export -test ./... >/dev/null # compiles what tests are linked from, by who may write to the cache
ROOTLESS_FOLDER=$(mktemp -d)
export ROOTLESS_FOLDER
trap 'rmdir "$ROOTLESS_FOLDER"' EXIT
trap 'exit 1' HUP INT TERM
by_nobody down $GO test "$@" -count=1 -vet=off -p 4 -timeout 20m $alone
by_nobody up $GO test "$@" -count=1 -vet=off -p 4 -timeout 20m $($GO list ./... | grep -vxF "$alone" | grep -vxF "$indifferent")
