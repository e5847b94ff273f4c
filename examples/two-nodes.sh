#!/usr/bin/env bash
# Two shops on one store: one order, whichever of them a client and its retries reach.
#
#   examples/two-nodes.sh [sqlite:PATH | redis://… | postgres://…]      default: a SQLite file of its own
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
export STORE=${1:-sqlite:$folder/keys.db}
# An order takes two seconds here, so that there is something to wait for.
export ORDER_TAKES_MS=2000

nodes=()
trap 'kill "${nodes[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT

cargo build -q -p idempotent-examples --bin orders
for node in 1 2; do
    PORT=0 cargo run -q -p idempotent-examples --bin orders >"$folder/$node" 2>"$folder/$node.log" &
    nodes+=($!)
done
url() {
    until sed -n 's/^Listening on //p' "$folder/$1" | grep .; do
        kill -0 "${nodes[$1 - 1]}" 2>/dev/null || { cat "$folder/$1.log" >&2; exit 1; }
        sleep 0.1
    done
}
first=$(url 1)
second=$(url 2)
echo "Two shops, $first and $second, on $STORE"

order() {
    local answer
    answer=$(curl -s "$1/orders" -H "Idempotency-Key: $2" -H 'Content-Type: application/json' \
        -d '{"items":[{"sku":"tea","quantity":2}]}' -w '   %{http_code} replayed: %header{idempotent-replayed} after %{time_total} s') &&
        echo "$answer"
}
orders() {
    curl -s "$1/orders"
    echo
}

key=demo-$RANDOM$RANDOM
echo; echo "The same order, at once, four times at each:"
clients=()
for _ in 1 2 3 4; do
    order "$first" "$key" & clients+=($!)
    order "$second" "$key" & clients+=($!)
done
wait "${clients[@]}"

echo; echo "And once more at each, later:"
order "$first" "$key"
order "$second" "$key"

echo; echo "The orders of the first shop, and of the second: one in all."
orders "$first"
orders "$second"

echo; echo "The first shop is killed while it takes an order; the client retries at the second."
key=$key-killed
order "$first" "$key" >/dev/null & client=$!
sleep 0.5
kill -9 "${nodes[0]}"
wait "${nodes[0]}" 2>/dev/null || true
wait "$client" || echo "The connection broke. The second shop waits for the first, and then says that it cannot tell yet:"
order "$second" "$key"
echo "Once the first shop's claim has run out, a retry is told that the outcome is unknown, and nothing runs twice."
