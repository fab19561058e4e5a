#!/bin/sh
# Runs every fuzz target of the repository: "fuzz.sh total SECONDS" shares the time among them, "fuzz.sh each SECONDS"
# gives it to each.
set -eu
cd "$(dirname "$0")/.."

mode=$1 seconds=$2
targets=$(grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | wc -l)
[ "$targets" -gt 0 ] || { echo "fuzz.sh: no fuzz targets found" >&2; exit 1; }
[ "$mode" = each ] || seconds=$(( seconds / targets > 0 ? seconds / targets : 1 ))

grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$package"/*_test.go | cut -d' ' -f2); do
		echo "fuzz $package $target ${seconds}s"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" "$package" </dev/null >fuzz.log 2>&1 || { cat fuzz.log; rm -f fuzz.log; exit 1; }
	done
done
rm -f fuzz.log
