#!/usr/bin/env bash
# `once` from tasks of an ordinary multi-thread runtime, in a crate outside of the workspace that names no actix.
#
#   tests/outside/once.sh      takes the crates from crates.io
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo test --manifest-path tests/outside/once/Cargo.toml --target-dir target/outside/once --locked
