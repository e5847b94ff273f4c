#!/usr/bin/env bash
# The document of the example `orders`, read by a validator, and held by schemathesis against what the shop answers to thousands of
# requests that are made of it. Both come from PyPI, so it is not part of ./test.
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=target/outside/openapi/bin
[ -x "$bin/python" ] || python3 -m venv target/outside/openapi
"$bin/python" -m pip install -q --disable-pip-version-check 'openapi-spec-validator==0.9.0' 'schemathesis==4.32.5'

cargo build -q --locked -p idempotent-examples --bin orders
work=$(mktemp -d)
PORT=0 "${CARGO_TARGET_DIR:-target}/debug/orders" > "$work/shop.txt" 2> "$work/shop.log" &
shop=$!
trap 'kill $shop; cd /; rm -r "$work"' EXIT
until url=$(sed -n 's/^Listening on //p' "$work/shop.txt") && [ -n "$url" ]; do
    kill -0 $shop
    sleep 0.1
done

export NO_PROXY=127.0.0.1 PYTHONDONTWRITEBYTECODE=1
curl -sf "$url/openapi.json" > "$work/openapi.json"
"$bin/openapi-spec-validator" "$work/openapi.json"
# It keeps what it finds where it runs.
bin=$PWD/$bin
cd "$work"
"$bin/schemathesis" run "$url/openapi.json" --seed 1 --max-examples 300 --continue-on-failure --suppress-health-check all \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
    --report json --report-json-path report.json
"$bin/python" - report.json <<'END'
import json, sys
requests = json.load(open(sys.argv[1]))["test_cases"]["generated"]
sys.exit(0 if requests >= 2000 else f"only {requests} requests")
END
