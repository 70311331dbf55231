# Throwaway servers for the demo and the tests, sourced by ./demo, ./test and ./sweep: PostgreSQL and Redis on free
# ports, below target/, never the system's. Whatever is started here is ended by `throwaway_stop`, by its own pid.

THROWAWAY_PIDS=()
THROWAWAY_FOLDERS=()

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The newest PostgreSQL server binaries, or nothing.
postgres_bin() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1)
    [ -n "$found" ] && dirname "$found"
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

need_postgres() {
    if [ -z "$(postgres_bin)" ]; then
        say "PostgreSQL is missing: installing it with apt-get"
        apt_install postgresql postgresql-client
        # The package starts a cluster of its own, which nobody asked for here.
        local version
        version=$(basename "$(dirname "$(postgres_bin)")")
        as_root pg_dropcluster --stop "$version" main >/dev/null 2>&1 ||
            say "the package's own cluster $version/main could not be removed; it is not used here"
    fi
}

need_redis() {
    if ! command -v redis-server >/dev/null; then
        say "Redis is missing: installing it with apt-get"
        apt_install redis-server
        # Likewise: the package starts a server of its own where an init system runs.
        if [ -d /run/systemd/system ]; then as_root systemctl disable --now redis-server >/dev/null 2>&1; fi
    fi
}

# A port that nobody listens on right now.
free_port() {
    python3 - <<'PY' 2>/dev/null || shuf -i 20000-32000 -n 1
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])
PY
}

# PostgreSQL refuses to run as root.
as_server_user() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# start_postgres FOLDER: sets POSTGRES_URL (superuser, database postgres).
start_postgres() {
    local folder=$1 bin port
    bin=$(postgres_bin)
    port=$(free_port)
    rm -rf "$folder"
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then
        chown postgres "$folder"
        if ! as_server_user test -w "$folder"; then
            # A checkout that only root may enter: the server gets a folder of its own, removed when it stops.
            folder=$(mktemp -d)
            chown postgres "$folder"
            THROWAWAY_FOLDERS+=("$folder")
        fi
    fi
    folder=$(cd "$folder" && pwd)
    as_server_user "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$folder/initdb.log"
    # Nothing here has to survive a power cut, so nothing waits for the disk.
    as_server_user "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w start -o \
        "-p $port -h 127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200" >/dev/null
    THROWAWAY_PIDS+=("$(head -n 1 "$folder/data/postmaster.pid")")
    POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

# start_redis FOLDER: sets REDIS_URL.
start_redis() {
    local folder=$1 port
    port=$(free_port)
    rm -rf "$folder"
    mkdir -p "$folder"
    redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" >"$folder/server.log" 2>&1 &
    THROWAWAY_PIDS+=($!)
    REDIS_URL="redis://127.0.0.1:$port"
    local tries=0
    until redis-cli -p "$port" ping 2>/dev/null | grep -q PONG; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || { say "Redis did not start; see $folder/server.log"; return 1; }
        sleep 0.05
    done
}

throwaway_stop() {
    local pid
    for pid in "${THROWAWAY_PIDS[@]}"; do
        # SIGINT is PostgreSQL's fast shutdown, and an ordinary end for Redis.
        if ! kill -INT "$pid" 2>/dev/null; then say "process $pid had ended already"; fi
    done
    for pid in "${THROWAWAY_PIDS[@]}"; do
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    done
    THROWAWAY_PIDS=()
    local folder
    for folder in "${THROWAWAY_FOLDERS[@]}"; do rm -rf "$folder"; done
    THROWAWAY_FOLDERS=()
}
