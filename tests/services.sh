# Sourced by ./test. Sets REDIS_URL, DATABASE_URL, AMQP_URL and NATS_URL: servers that are named there already, else those on the default
# local ports, else servers of our own, which end with the script. Their programs are installed where they are missing,
# since some tests start and crash a server of their own.

services=$(mktemp -d)
chmod 711 "$services"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

postgres_program() { ls -d /usr/lib/postgresql/*/bin/"$1" 2>/dev/null | sort -V | tail -1 || command -v "$1"; }

# The program itself: the one in the path asks for a user of its own.
rabbitmq_program() { ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/"$1" 2>/dev/null | sort -V | tail -1; }

install_missing() {
    local packages=()
    command -v redis-server >/dev/null || packages+=(redis-server)
    [ -n "$(postgres_program initdb)" ] || packages+=(postgresql)
    command -v psql >/dev/null || packages+=(postgresql-client)
    command -v pgbouncer >/dev/null || packages+=(pgbouncer)
    command -v sqlite3 >/dev/null || packages+=(sqlite3)
    [ -n "$(rabbitmq_program rabbitmq-server)" ] || packages+=(rabbitmq-server)
    command -v nats-server >/dev/null || packages+=(nats-server)
    command -v chromium >/dev/null || packages+=(chromium)
    command -v chromedriver >/dev/null || packages+=(chromium-driver)
    [ ${#packages[@]} -gt 0 ] || return 0
    as_root apt-get update -q
    # A package's own service is not wanted: the tests start theirs.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
}

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

answers() { "$@" >/dev/null 2>&1; }

# Waits up to ten seconds, or `seconds`.
wait_for() {
    for _ in $(seq $((${seconds:-10} * 20))); do
        if answers "$@"; then return; fi
        sleep 0.05
    done
    echo "this never succeeded: $*" >&2
    return 1
}

find_redis() {
    export REDIS_URL=${REDIS_URL:-redis://127.0.0.1:6379}
    if answers redis-cli -u "$REDIS_URL" ping; then return; fi
    local port
    port=$(free_port)
    redis-server --port "$port" --bind 127.0.0.1 --save "" --appendonly no --dir "$services" --daemonize yes \
        --pidfile "$services/redis.pid" --logfile "$services/redis.log" >/dev/null
    REDIS_URL=redis://127.0.0.1:$port
    wait_for redis-cli -u "$REDIS_URL" ping
}

find_postgres() {
    export DATABASE_URL=${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres}
    if answers psql -w "$DATABASE_URL" -c 'select 1'; then return; fi
    local port data=$services/postgres
    port=$(free_port)
    mkdir "$data"
    if [ "$(id -u)" = 0 ]; then chown postgres "$data"; fi
    as_postgres "$(postgres_program initdb)" -D "$data" -U postgres -A trust >/dev/null
    as_postgres "$(postgres_program pg_ctl)" -D "$data" -w -l "$data/log" \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200" start >/dev/null
    DATABASE_URL=postgres://postgres@127.0.0.1:$port/postgres
    wait_for psql -w "$DATABASE_URL" -c 'select 1'
}

# True where something listens at the host and port of a URL.
listens() {
    local place=${1##*[/@]}
    (exec 3<>"/dev/tcp/${place%:*}/${place#*:}")
}

find_rabbitmq() {
    export AMQP_URL=${AMQP_URL:-amqp://guest:guest@127.0.0.1:5672}
    if answers listens "$AMQP_URL"; then return; fi
    local port data=$services/rabbitmq
    port=$(free_port)
    mkdir "$data"
    printf 'listeners.tcp.1 = 127.0.0.1:%s\n' "$port" >"$data/rabbitmq.conf"
    # A registry of nodes of its own, which is stopped with it.
    free_port >"$data/epmd-port"
    HOME=$data ERL_EPMD_PORT=$(cat "$data/epmd-port") ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME="test-$port@localhost" \
        RABBITMQ_DIST_PORT=$(free_port) RABBITMQ_CONFIG_FILE=$data/rabbitmq.conf RABBITMQ_CONF_ENV_FILE=$data/none \
        RABBITMQ_MNESIA_BASE=$data/mnesia RABBITMQ_LOG_BASE=$data RABBITMQ_ENABLED_PLUGINS_FILE=$data/plugins \
        RABBITMQ_PID_FILE=$data/pid "$(rabbitmq_program rabbitmq-server)" >/dev/null 2>&1 &
    AMQP_URL=amqp://guest:guest@127.0.0.1:$port
    seconds=60 wait_for listens "$AMQP_URL"
}

find_nats() {
    export NATS_URL=${NATS_URL:-127.0.0.1:4222}
    if answers listens "$NATS_URL"; then return; fi
    local port
    port=$(free_port)
    nats-server -a 127.0.0.1 -p "$port" -js -sd "$services/nats" -l "$services/nats.log" -P "$services/nats.pid" &
    NATS_URL=127.0.0.1:$port
    wait_for listens "$NATS_URL"
}

stop_services() {
    if [ -f "$services/nats.pid" ]; then kill "$(cat "$services/nats.pid")" || true; fi
    if [ -f "$services/redis.pid" ]; then kill "$(cat "$services/redis.pid")" || true; fi
    if [ -d "$services/postgres" ]; then
        as_postgres "$(postgres_program pg_ctl)" -D "$services/postgres" -m immediate stop >/dev/null || true
    fi
    if [ -d "$services/rabbitmq" ]; then
        local broker
        broker=$(cat "$services/rabbitmq/pid" || true)
        kill "$broker" || true
        for _ in $(seq 100); do kill -0 "$broker" 2>/dev/null || break; sleep 0.1; done
        ERL_EPMD_PORT=$(cat "$services/rabbitmq/epmd-port") epmd -kill >/dev/null 2>&1 || true
    fi
    rm -rf "$services"
}

trap stop_services EXIT
install_missing
find_redis
find_postgres
find_rabbitmq
find_nats
