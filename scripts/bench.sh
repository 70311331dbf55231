#!/usr/bin/env bash
# Cold start, and what `ripcord plan` adds to what the database and the backend need. Needs RIPCORD_TEST_POSTGRES_URL.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked --quiet -p ripcord -p ripcord-shop --bins
. scripts/throwaway.sh
rm -rf target/sweep/bench
target/release/shop-demo --bench --postgres "$RIPCORD_TEST_POSTGRES_URL" --port "$(free_port)" --into target/sweep/bench
