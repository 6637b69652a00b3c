#!/bin/sh
# Write the lock files anew: versions and hashes for every platform, no download addresses.
# all.txt is the whole development environment; consumer.txt and dbt.txt are what the two containers
# install, at the same versions; uv.txt is the installer itself.
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "requirements/compile.sh" "$@"; }
lock pyproject.toml --all-extras --group dev -o requirements/all.txt
lock pyproject.toml -c requirements/all.txt -o requirements/consumer.txt
lock pyproject.toml --extra load --extra dbt -c requirements/all.txt -o requirements/dbt.txt
echo uv | lock - -o requirements/uv.txt
