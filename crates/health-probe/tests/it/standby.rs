//! Replication lag on a real primary with a real standby, both made here.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ripcord_conninfo::{Conninfo, Nothing};
use ripcord_health_probe::checks::{PostgresCheck, PostgresConfig, ReplicationLimits};
use ripcord_health_probe::{CheckResult, HealthCheck, Reason, Verdict};
use tokio_postgres::{Client, Row};

use crate::services;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_is_no_lag_behind_is_and_a_cut_stream_is_not_zero() {
    let Some(bin) = services::postgres_programs() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let primary = Cluster::init(&bin, dir.path());
    let standby = primary.standby(dir.path());
    let (on_primary, on_standby) = (primary.connect().await, standby.connect().await);

    on_primary.batch_execute("CREATE TABLE s ()").await.unwrap();

    // Without one replayed transaction a standby does not know how old it is.
    let replayed = "SELECT pg_last_xact_replay_timestamp() IS NOT NULL";
    let known = async {
        while !on_standby
            .query_one(replayed, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), known)
        .await
        .unwrap();

    // In sync and idle: the newest transaction is getting older and older, and that is no lag.
    until("streaming", || primary.ask(Duration::ZERO), Verdict::Pass).await;
    until("idle", || standby.ask(Duration::ZERO), Verdict::Pass).await;

    // Received and not replayed: behind, on either side.
    let pause = "SELECT pg_wal_replay_pause()";
    on_standby.batch_execute(pause).await.unwrap();
    let write = "CREATE TABLE t AS SELECT generate_series(1, 1000)";
    on_primary.batch_execute(write).await.unwrap();
    let result = until(
        "standby behind",
        || standby.ask(Duration::ZERO),
        Verdict::Fail,
    )
    .await;
    assert_eq!(result.reason, Reason::Resource);
    let second = Duration::from_secs(1);
    until("primary behind", || primary.ask(second), Verdict::Fail).await;

    // Caught up again.
    let resume = "SELECT pg_wal_replay_resume()";
    on_standby.batch_execute(resume).await.unwrap();
    until("again", || standby.ask(Duration::ZERO), Verdict::Pass).await;
    // For a moment the view still shows how far behind it was; that is history.
    let history = "SELECT bool_and(replay_lsn = pg_current_wal_lsn() AND replay_lag > '0.5s'), \
                   bool_or(replay_lag IS NULL) FROM pg_stat_replication";
    loop {
        let before = on_primary.query_one(history, &[]).await.unwrap();
        let verdict = primary.ask(Duration::ZERO).await.verdict;
        let after = on_primary.query_one(history, &[]).await.unwrap();
        let caught_up = |row: &Row| row.get::<_, Option<bool>>(0) == Some(true);
        if caught_up(&before) && caught_up(&after) {
            assert_eq!(verdict, Verdict::Pass);
            break;
        }
        if after.get::<_, Option<bool>>(1) == Some(true) {
            break;
        }
    }
    until("again", || primary.ask(Duration::ZERO), Verdict::Pass).await;

    // The stream is cut: everything received is replayed, and that means nothing.
    drop(on_primary);
    primary.stop();
    let result = until(
        "cut",
        || standby.ask(Duration::from_secs(3600)),
        Verdict::Inconclusive,
    )
    .await;
    assert!(result.detail.contains("not known"), "{result}");
}

/// Asks until the verdict is the wanted one; replies are a second apart.
async fn until<F: Future<Output = CheckResult>>(
    what: &str,
    ask: impl Fn() -> F,
    wanted: Verdict,
) -> CheckResult {
    let asking = async {
        loop {
            let result = ask().await;
            if result.verdict == wanted {
                return result;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking)
        .await
        .unwrap_or_else(|_| panic!("{what}: never {wanted}"))
}

/// A throwaway server, stopped on drop.
struct Cluster {
    bin: PathBuf,
    data: PathBuf,
    port: u16,
}

impl Cluster {
    fn init(bin: &Path, dir: &Path) -> Self {
        if rustix::process::geteuid().is_root() {
            // PostgreSQL does not run as root.
            run(Command::new("chown").arg("postgres").arg(dir));
        }
        let cluster = Self::at(bin, dir.join("primary"));
        run(cluster
            .program("initdb")
            .args(["-A", "trust", "-U", "postgres", "-N"]));
        cluster.start();
        cluster
    }

    fn standby(&self, dir: &Path) -> Self {
        let standby = Self::at(&self.bin, dir.join("standby"));
        run(standby
            .program("pg_basebackup")
            .args(["-h", "127.0.0.1", "-U", "postgres", "-R", "-p"])
            .arg(self.port.to_string()));
        standby.start();
        standby
    }

    fn at(bin: &Path, data: PathBuf) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            bin: bin.to_owned(),
            data,
            port: free.local_addr().unwrap().port(),
        }
    }

    fn start(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off \
             -c wal_level=replica -c wal_receiver_status_interval=1s",
            self.port
        );
        let log = self.data.with_extension("log");
        run(self
            .program("pg_ctl")
            .args(["-w", "-o", &options, "-l"])
            .arg(log)
            .arg("start"));
    }

    fn stop(&self) {
        let _ = self
            .program("pg_ctl")
            .args(["-m", "immediate", "-w", "stop"])
            .output();
    }

    /// A PostgreSQL program on this data directory, as somebody it agrees to run as.
    fn program(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").arg("-D").arg(&self.data);
        command
    }

    fn conninfo(&self) -> Conninfo {
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", self.port);
        Conninfo::parse(&url, &Nothing).unwrap()
    }

    async fn connect(&self) -> Client {
        self.conninfo().connect().await.unwrap()
    }

    async fn ask(&self, max_lag: Duration) -> CheckResult {
        let mut config = PostgresConfig::default();
        config.replication = Some(ReplicationLimits::new(max_lag, 1));
        PostgresCheck::new("db", self.conninfo(), config)
            .check()
            .await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(command: &mut Command) {
    // Into a file: the server would keep a pipe open.
    let output = tempfile::tempfile().unwrap();
    let status = command
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .status()
        .unwrap();
    assert!(status.success(), "{command:?}");
}

/// The newest installed version's programs.
pub(crate) fn newest_programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("pg_basebackup").exists())
        .collect();
    versions.sort();
    versions.pop()
}
