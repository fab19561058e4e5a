#!/bin/sh
# Runs every fuzz target of the repository: "fuzz.sh total SECONDS" shares the time among them, "fuzz.sh each SECONDS"
# gives it to each.
set -eu
cd "$(dirname "$0")/.."

mode=$1 seconds=$2
targets=$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | wc -l)
[ "$targets" -gt 0 ] || { echo "fuzz.sh: no fuzz targets found" >&2; exit 1; }
[ "$mode" = each ] || seconds=$(( seconds / targets > 0 ? seconds / targets : 1 ))
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A fuzzer that is cut off by its deadline between two inputs reports that as a failure (golang/go#75804). An input that
# really fails is always named in the log.
cut_off() {
	grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input written|failure while testing seed|panic:' "$log"
}

fuzz() {
	echo "fuzz $1 $2 ${seconds}s"
	"${GO:-go}" test -run '^$' -fuzz "^$2\$" -fuzztime "${seconds}s" -fuzzminimizetime 10x "$1" </dev/null >"$log" 2>&1 ||
		cut_off || { cat "$log"; exit 1; }
}

grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | cut -d' ' -f2); do
		fuzz "$package" "$target"
	done
done
