#!/usr/bin/env bash
# The console of the example `orders`, by axe-core, in each of its states, in light and in dark colours, narrow and wide. axe-core
# comes from npm, so it is not part of ./test. It needs node, chromium and chromedriver.
set -euo pipefail
cd "$(dirname "$0")/../.."

outside=target/outside/console
[ -d "$outside/node_modules/axe-core" ] || npm install --silent --no-audit --no-fund --prefix "$outside" 'axe-core@4.14.1'

cargo build -q --locked -p idempotent-examples --bin orders
work=$(mktemp -d)
shop= driver= watch=
end() {
    for child in $watch $driver $shop; do kill -9 "$child" 2>/dev/null || true; done
    rm -rf "$work"
}
trap end EXIT

start_shop() {
    PORT=0 ADMIN_TOKEN=operator STORE=$1 ORDER_TAKES_MS=$2 "${CARGO_TARGET_DIR:-target}/debug/orders" > "$work/shop.txt" 2> "$work/shop.log" &
    shop=$!
    until url=$(sed -n 's/^Listening on //p' "$work/shop.txt") && [ -n "$url" ]; do
        kill -0 "$shop"
        sleep 0.1
    done
}

order() { curl -s "$url/orders" -H "Idempotency-Key: $1" --json '{"items":[{"sku":"tea","quantity":2}]}' > /dev/null || true; }

# An order dies with its shop. Its lease runs out after 30 seconds.
start_shop "sqlite:$work/keys.db" 60000
order stuck &
sleep 2
kill -9 "$shop"
start_shop "sqlite:$work/keys.db" 0
order first
order first

chromedriver --port=0 > "$work/driver.txt" &
driver=$!
until port=$(sed -n 's/.*successfully on port \([0-9]*\)\.$/\1/p' "$work/driver.txt") && [ -n "$port" ]; do
    kill -0 "$driver"
    sleep 0.1
done

# The shop goes when the last state is wanted.
(until [ -e "$work/end" ]; do sleep 0.1; done; kill -9 "$shop") &
watch=$!
node tests/outside/console.mjs "http://127.0.0.1:$port" "$url" "$outside/node_modules/axe-core/axe.min.js" "$work/end"
