#!/usr/bin/env bash
# The guide's recipes with the crates that they name: identities, multipart, compression, OpenTelemetry.
#
#   tests/outside/recipes.sh      takes the crates from crates.io
set -euo pipefail
cd "$(dirname "$0")/../.."

# PostgreSQL, found or started; sets DATABASE_URL.
source tests/services.sh

cargo test --manifest-path tests/outside/recipes/Cargo.toml --target-dir target/outside/recipes
