#!/bin/bash
# test/setup/elasticsearch.sh: Elasticsearch 5.0.0 from Maven Central into
# $CDC_TEST_CACHE/elasticsearch.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

version=5.0.0
dir=$CDC_TEST_CACHE/elasticsearch
[ ! -e "$dir/complete" ] || [ "$(cat "$dir/complete")" != "$version" ] || exit 0
say "fetching Elasticsearch $version"
rm -rf "$dir.new" "$dir"
mkdir -p "$dir.new"
cd "$dir.new"
quietly "$dir.new.log" mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
	-Dartifact=org.elasticsearch.distribution.zip:elasticsearch:$version:zip -DoutputDirectory=zip
unzip -q zip/*.zip
mv elasticsearch-$version/* .
rm -rf zip elasticsearch-$version "$dir.new.log"
# what Java 17 takes, and needs for code that was written for Java 8
{
	printf '%s\n' -Xms256m -Xmx256m -Djava.security.manager=allow -Dio.netty.noUnsafe=true \
		-Dlog4j2.disable.jmx=true
	for package in java.lang java.nio sun.nio.ch java.util java.lang.reflect java.net java.io \
		jdk.internal.ref jdk.internal.misc; do
		printf '%s\n' "--add-opens=java.base/$package=ALL-UNNAMED"
	done
} >config/jvm.options
mkdir -p plugins
chmod -R a+rX .
say "$version" >complete
mv "$dir.new" "$dir"
