#!/bin/bash
# test/setup/kafka.sh: Apache Kafka 3.9.1 with what it needs at run time, through
# Maven, into $CDC_TEST_CACHE/kafka/libs.
set -euo pipefail
cd "$(dirname "$0")"
. ./common.sh
need_root

version=3.9.1
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
dir=$CDC_TEST_CACHE/kafka
if [ -e "$dir/complete" ] && [ "$(cat "$dir/complete")" = $version ]; then
	exit 0
fi

say "fetching Apache Kafka $version"
mkdir -p "$CDC_TEST_CACHE"
rm -rf "$dir.new" "$dir"
mkdir "$dir.new"
cat >"$dir.new/pom.xml" <<END
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>cdc_ingest.test</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
END
(cd "$dir.new" &&
	quietly "$CDC_TEST_CACHE/kafka.log" mvn -q -B "$plugin:copy-dependencies" \
		-DoutputDirectory=libs -DincludeScope=runtime)
[ -e "$dir.new/libs/kafka_2.13-$version.jar" ] || die "Maven brought no Kafka"
chmod -R a+rX "$dir.new"
echo $version >"$dir.new/complete"
mv "$dir.new" "$dir"
