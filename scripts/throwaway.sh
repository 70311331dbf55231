# Throwaway servers for the demo and the tests, sourced by ./demo, ./test and ./sweep: PostgreSQL, MariaDB and Redis on
# free ports, below target/, never the system's. Whatever is started here is ended by `throwaway_stop`, by its own pid.

THROWAWAY_PIDS=()
THROWAWAY_FOLDERS=()
THROWAWAY_MOUNTS=()

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

need_mariadb() {
    if ! command -v mariadbd >/dev/null; then
        say "MariaDB is missing: installing it with apt-get"
        apt_install mariadb-server
        # Likewise.
        if [ -d /run/systemd/system ]; then as_root systemctl disable --now mariadb >/dev/null 2>&1; fi
    fi
}

need_age() {
    # Tests restore backups with it and with nothing of ours.
    if ! command -v age >/dev/null || ! command -v zstd >/dev/null; then
        say "age or zstd is missing: installing them with apt-get"
        apt_install age zstd
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

# start_postgres FOLDER [OPTIONS]: sets POSTGRES_URL (superuser, database postgres).
start_postgres() {
    local folder=$1 options=${2:-} bin port
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
        "-p $port -h 127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200 $options" >/dev/null
    THROWAWAY_PIDS+=("$(head -n 1 "$folder/data/postmaster.pid")")
    POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
}

# PostgreSQL 17 in a system of its own, since Debian's next release has another C library. Needs root and apt.
need_postgres17() {
    local system=$1
    [ -x "$system/usr/lib/postgresql/17/bin/postgres" ] && return
    command -v debootstrap >/dev/null || apt_install debootstrap
    say "PostgreSQL 17 is missing: installing Debian trixie into $system"
    as_root rm -rf "$system"
    mkdir -p "$(dirname "$system")"
    as_root debootstrap --variant=minbase --include=postgresql-17 trixie "$system" >"$system.log" 2>&1 ||
        { say "debootstrap failed; see $system.log"; return 1; }
}

# start_postgres17 SYSTEM [OPTIONS]: sets POSTGRES17_URL (superuser, database postgres).
start_postgres17() {
    local system=$1 options=${2:-} port data=/var/lib/postgresql/throwaway bin=/usr/lib/postgresql/17/bin
    port=$(free_port)
    local inside=(as_root chroot --userspec=postgres:postgres "$system" env LC_ALL=C.UTF-8)
    as_root rm -rf "$system$data"
    "${inside[@]}" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >"$system.initdb.log"
    "${inside[@]}" "$bin/pg_ctl" -D "$data" -l "$data.log" -w start -o "-p $port -h 127.0.0.1 \
        -c unix_socket_directories= -c fsync=off -c max_connections=200 -c dynamic_shared_memory_type=mmap $options" >/dev/null
    THROWAWAY_PIDS+=("$(as_root head -n 1 "$system$data/postmaster.pid")")
    POSTGRES17_URL="postgres://postgres@127.0.0.1:$port/postgres"
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

# What tests of prepared transactions, replication and statistics of statements need.
POSTGRES_FOR_TESTS="-c max_prepared_transactions=8 -c wal_level=logical -c shared_preload_libraries=pg_stat_statements"

# Nor does MariaDB, unless it is told whom to run as.
as_mariadb_user() {
    if [ "$(id -u)" = 0 ]; then runuser -u mysql -- "$@"; else "$@"; fi
}

# start_mariadb FOLDER: sets MARIADB_URL (root without a password, no database).
start_mariadb() {
    local folder=$1 port pid
    port=$(free_port)
    rm -rf "$folder"
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then
        chown mysql "$folder"
        if ! as_mariadb_user test -w "$folder"; then
            folder=$(mktemp -d)
            chown mysql "$folder"
            THROWAWAY_FOLDERS+=("$folder")
        fi
    fi
    folder=$(cd "$folder" && pwd)
    # Its own default, for the tables of the server itself too.
    local defaults=(--no-defaults "--datadir=$folder/data")
    as_mariadb_user mariadb-install-db "${defaults[@]}" --auth-root-authentication-method=normal \
        --skip-test-db >"$folder/install.log" 2>&1 || { say "MariaDB: see $folder/install.log"; return 1; }
    # Nothing here has to survive a power cut. The binary log is on, as where there are replicas.
    as_mariadb_user mariadbd "${defaults[@]}" --port="$port" --bind-address=127.0.0.1 --socket="$folder/socket" \
        --pid-file="$folder/pid" --innodb-flush-log-at-trx-commit=0 --sync-binlog=0 --log-bin=binlog --server-id=1 \
        --expire-logs-days=1 --event-scheduler=OFF --max-allowed-packet=1G --max-connections=200 \
        --character-set-server=utf8mb4 --log-error="$folder/server.log" >/dev/null 2>&1 &
    local tries=0
    until mariadb-admin --no-defaults --protocol=tcp --host=127.0.0.1 --port="$port" --user=root ping >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -ge 600 ] || ! kill -0 $! 2>/dev/null; then
            say "MariaDB did not start; see $folder/server.log"
            kill -TERM $! 2>/dev/null
            return 1
        fi
        sleep 0.05
    done
    pid=$(cat "$folder/pid")
    THROWAWAY_PIDS+=("$pid")
    MARIADB_URL="mysql://root@127.0.0.1:$port/"
}

# moto, the first of two servers that speak S3 (the second runs inside the tests): from PyPI, in a venv below target/,
# unless it is there already.
need_moto() {
    if command -v moto_server >/dev/null && moto_server --help >/dev/null 2>&1; then
        MOTO_SERVER=$(command -v moto_server)
        return
    fi
    MOTO_SERVER=$PWD/target/moto/bin/moto_server
    if [ ! -x "$MOTO_SERVER" ]; then
        say "moto is missing: installing it with pip below target/moto"
        python3 -m venv target/moto 2>/dev/null || { apt_install python3-venv; python3 -m venv --clear target/moto; }
        target/moto/bin/pip install --quiet --disable-pip-version-check 'moto[server]==5.2.*'
    fi
}

# need_framework PROBE PACKAGES..: a Python that can do PROBE, in a venv below target/; sets FRAMEWORKS_PYTHON.
need_framework() {
    local probe=$1
    shift
    FRAMEWORKS_PYTHON=$PWD/target/frameworks/bin/python
    if [ ! -x "$FRAMEWORKS_PYTHON" ]; then
        python3 -m venv target/frameworks 2>/dev/null ||
            { apt_install python3-venv; python3 -m venv --clear target/frameworks; }
    fi
    if ! "$FRAMEWORKS_PYTHON" -c "$probe" 2>/dev/null; then
        say "$1 is missing: installing it with pip below target/frameworks"
        "$FRAMEWORKS_PYTHON" -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

# Django and Alembic, with which tests make projects of their own.
need_django() { need_framework 'import django, psycopg' 'django==5.2.*' 'psycopg[binary]==3.*'; }
need_alembic() { need_framework 'import alembic, psycopg' 'alembic==1.*' 'sqlalchemy==2.*' 'psycopg[binary]==3.*'; }

# start_moto FOLDER: sets MOTO_URL (any key is good, buckets are in memory).
start_moto() {
    local folder=$1 port
    port=$(free_port)
    rm -rf "$folder"
    mkdir -p "$folder"
    # Without the reloader it is one process, so its pid is the one to end. SIGINT is ignored in the background of a
    # script, unless it is asked for.
    (trap - INT; cd "$folder" && exec "$MOTO_SERVER" -H 127.0.0.1 -p "$port") >"$folder/server.log" 2>&1 &
    THROWAWAY_PIDS+=($!)
    MOTO_URL="http://127.0.0.1:$port"
    local tries=0
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -ge 600 ] || ! kill -0 $! 2>/dev/null; then
            say "moto did not start; see $folder/server.log"
            return 1
        fi
        sleep 0.05
    done
}

# start_small_disk FOLDER: a disk of 8 MiB there, to be filled up; sets SMALL_DISK.
start_small_disk() {
    local folder=$1
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    # What a killed run left mounted.
    if mountpoint -q "$folder"; then as_root umount "$folder"; fi
    as_root mount -t tmpfs -o "size=8m,mode=0700,uid=$(id -u)" ripcord-test "$folder"
    THROWAWAY_MOUNTS+=("$folder")
    SMALL_DISK=$folder
}

throwaway_stop() {
    local pid signal mount
    for mount in "${THROWAWAY_MOUNTS[@]}"; do as_root umount "$mount"; done
    THROWAWAY_MOUNTS=()
    for pid in "${THROWAWAY_PIDS[@]}"; do
        # SIGINT is PostgreSQL's fast shutdown, and an ordinary end for Redis. MariaDB ignores it.
        signal=INT
        if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = mariadbd ]; then signal=TERM; fi
        if ! kill -"$signal" "$pid" 2>/dev/null; then say "process $pid had ended already"; fi
    done
    for pid in "${THROWAWAY_PIDS[@]}"; do
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    done
    THROWAWAY_PIDS=()
    local folder
    for folder in "${THROWAWAY_FOLDERS[@]}"; do rm -rf "$folder"; done
    THROWAWAY_FOLDERS=()
}
