#!/bin/bash
# test/setup/registry.sh: a schema registry, Apicurio 2.6.13 from Maven Central, into
# $CDC_TEST_CACHE/registry, and Python with fastavro, protobuf and a Kafka client beside it.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

version=2.6.13.Final
python="fastavro==1.13.1 confluent-kafka==2.16.1"
more_python="protobuf==6.33.6"
dir=$CDC_TEST_CACHE/registry

# What came later, into what is there.
add_more() {
	[ "$(cat "$dir/more" 2>/dev/null)" != "$more_python" ] || return 0
	# shellcheck disable=SC2086
	quietly "$dir.log" "$dir/venv/bin/pip" install $more_python
	rm -f "$dir.log"
	chmod -R a+rX "$dir"
	echo "$more_python" >"$dir/more"
}

mkdir -p "$CDC_TEST_CACHE"
exec 9>"$CDC_TEST_CACHE/registry.lock"
flock 9
if [ -e "$dir/complete" ] && [ "$(cat "$dir/complete")" = "$version $python" ]; then
	add_more
	exit 0
fi
say "fetching a schema registry, Apicurio $version"
rm -rf "$dir.new" "$dir"
mkdir -p "$dir.new/jars"
quietly "$dir.new/log" mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
	"-Dartifact=io.apicurio:apicurio-registry-app:$version:tar.gz:all" "-DoutputDirectory=$dir.new/archive"
tar -xzf "$dir.new"/archive/*.tar.gz -C "$dir.new/jars"
rm -rf "$dir.new/archive" "$dir.new/log"
mv "$dir.new" "$dir"
# Python's environments have their place in them
quietly "$dir.log" /usr/bin/python3 -m venv "$dir/venv"
# shellcheck disable=SC2086
quietly "$dir.log" "$dir/venv/bin/pip" install $python
rm -f "$dir.log"
chmod -R a+rX "$dir"
echo "$version $python" >"$dir/complete"
add_more
