#!/usr/bin/env bash
# Stripe's own SDK for Python against the example `payments`, over a network that resets its connections. It takes the SDK from PyPI,
# so it is not part of ./test.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=target/outside/stripe/bin/python
[ -x "$python" ] || python3 -m venv target/outside/stripe
"$python" -m pip install -q --disable-pip-version-check 'stripe==16.1.0' 'requests==2.34.2'

cargo build -q --locked -p idempotent-examples --bin payments
export NO_PROXY=127.0.0.1 PYTHONDONTWRITEBYTECODE=1
exec "$python" tests/outside/stripe_sdk.py "${CARGO_TARGET_DIR:-target}/debug/payments"
