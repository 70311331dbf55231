#!/usr/bin/env bash
# Checks every crate without features and with each feature alone: features are additive, so each has to stand alone.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo metadata --format-version 1 --no-deps --locked |
    python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    if "/crates/" in package["manifest_path"]:
        print(package["name"], "")
        for feature in sorted(package["features"]):
            if feature != "default":
                print(package["name"], feature)
' | while read -r package feature; do
    printf '%s %s\n' "$package" "${feature:-(no feature)}"
    RUSTFLAGS="-D warnings" cargo check --quiet --locked --package "$package" --no-default-features ${feature:+--features "$feature"}
done
