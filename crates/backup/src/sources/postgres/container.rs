//! A server that can only be reached from inside its container.

use ripcord_conninfo::{Conninfo, Host};

/// A container with a PostgreSQL server and its client programs in it.
///
/// `pg_dump` and `pg_restore` are run inside, so they always fit the server. Our own sessions go
/// through a relay, started inside for each: `socat`, `bash` or `nc`, and for a socket `socat` or
/// `perl`, whichever the image has. Nothing needs a terminal, and no port has to be published.
/// [`Layout::Directory`](super::Layout::Directory) does not go, because its files lie outside.
///
/// A child that runs inside outlives its killed `docker exec` until it next reads or writes, or
/// its session is ended; its `application_name` tells whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The program: `docker`, `podman`, or something that understands `exec -i -e NAME`.
    pub runtime: String,
    /// The container's name or id.
    pub name: String,
}

/// Carries bytes between its standard input and output and the server, until either side ends.
const RELAY: &str = r#"
dir=$1 host=$2 port=$3
if [ -n "$dir" ]; then
    socket=$dir/.s.PGSQL.$port
    command -v socat >/dev/null && exec socat - "UNIX-CONNECT:$socket"
    if command -v perl >/dev/null; then
        exec perl -MIO::Socket::UNIX -MIO::Select -e '
            my $s = IO::Socket::UNIX->new($ARGV[0]) or die "cannot connect to $ARGV[0]: $!\n";
            my $all = IO::Select->new(\*STDIN, $s);
            for (;;) {
                for my $from ($all->can_read) {
                    my $n = sysread $from, my $b, 65536;
                    exit unless $n;
                    my $to = $from == $s ? \*STDOUT : $s;
                    for (my $at = 0; $at < $n;) { $at += syswrite($to, $b, $n - $at, $at) // exit }
                }
            }' "$socket"
    fi
    echo "the image has neither socat nor perl, so its socket $socket cannot be reached" >&2
    exit 1
fi
command -v socat >/dev/null && exec socat - "TCP:$host:$port"
if command -v bash >/dev/null; then
    exec bash -c '
        exec 3<>"/dev/tcp/$0/$1" || exit 1
        exec 4<&0
        cat <&4 >&3 & up=$!
        cat <&3 & down=$!
        wait -n
        kill $up $down 2>/dev/null' "$host" "$port"
fi
command -v nc >/dev/null && exec nc "$host" "$port"
echo "the image has none of socat, bash and nc, so its server cannot be reached" >&2
exit 1
"#;

impl Container {
    /// A Docker container of this name.
    #[must_use]
    pub fn docker(name: impl Into<String>) -> Self {
        Self {
            runtime: "docker".to_owned(),
            name: name.into(),
        }
    }

    /// What carries our own sessions to the server that `database` names, as seen from inside.
    pub(super) fn relay(&self, database: &Conninfo) -> Vec<String> {
        let (folder, host, port) = match database.hosts().first() {
            Some(Host::Unix { dir, port }) => (dir.display().to_string(), String::new(), *port),
            Some(Host::Tcp { name, port, .. }) => (String::new(), name.clone(), *port),
            _ => (String::new(), "127.0.0.1".to_owned(), 5432),
        };
        let mut command = vec![self.runtime.clone()];
        command.extend(["exec", "-i"].map(str::to_owned));
        command.push(self.name.clone());
        command.extend(["sh", "-c", RELAY, "relay"].map(str::to_owned));
        command.extend([folder, host, port.to_string()]);
        command
    }
}
