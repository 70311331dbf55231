//! A server that nothing outside of its container can reach.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time what is there, and say when they skip"
)]

use std::process::{Command, Stdio};

use ripcord_backup::sources::{Container, PostgresOptions, PostgresSource};
use ripcord_backup::test_util::conformance;
use ripcord_backup::{CreateOptions, ErrorKind, Level, Source as _};
use ripcord_conninfo::{Conninfo, Nothing};

use crate::pg::unique;
use crate::pg_backup::vault;

/// Without a network, and made of this machine's own programs: the image is empty.
struct Box {
    name: String,
}

impl Box {
    fn start() -> Option<Self> {
        if !succeeds(Command::new("docker").arg("info")) {
            let required = std::env::var("RIPCORD_REQUIRE_SERVICES").is_ok_and(|v| v == "1");
            assert!(!required, "Docker is required");
            println!("SKIPPED: there is no Docker engine");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for dir in ["usr", "etc", "tmp", "proc", "sys", "dev", "data", "var"] {
            std::fs::create_dir(folder.path().join(dir)).unwrap();
        }
        for dir in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{dir}"), folder.path().join(dir)).unwrap();
        }
        let name = unique("ripcord_backup_box");
        let image = format!("{name}:test");
        let tar = folder.path().with_extension("tar");
        let packed = Command::new("tar")
            .args(["-C", &folder.path().display().to_string(), "-c", "."])
            .args(["-f", &tar.display().to_string()])
            .status()
            .unwrap();
        assert!(packed.success());
        let imported = Command::new("docker")
            .args(["import", "-", &image])
            .stdin(std::fs::File::open(&tar).unwrap())
            .output()
            .unwrap();
        std::fs::remove_file(tar).unwrap();
        assert!(imported.status.success(), "{imported:?}");
        let bin = std::fs::read_dir("/usr/lib/postgresql")
            .unwrap()
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .max()
            .unwrap();
        let script = "mkdir /tmp/pg && chown postgres /tmp/pg && exec setpriv --reuid=postgres \
                      --regid=postgres --clear-groups sh -c 'initdb -D /tmp/pg/data -U postgres -A trust \
                      -E UTF8 --locale=C.UTF-8 >/dev/null && exec postgres -D /tmp/pg/data \
                      -c unix_socket_directories=/tmp/pg -c fsync=off'";
        let path = format!("PATH={}:/usr/bin:/bin", bin.display());
        let started = Command::new("docker")
            .args(["run", "-d", "--network", "none", "--name", &name])
            .args(["-v", "/usr:/usr:ro", "-v", "/etc:/etc:ro", "-e", &path])
            .args([&image, "sh", "-c", script])
            .output()
            .unwrap();
        assert!(started.status.success(), "{started:?}");
        let this = Self { name };
        while !succeeds(Command::new("docker").args(["exec", &this.name]).args([
            "pg_isready",
            "-h",
            "127.0.0.1",
        ])) {
            assert!(
                succeeds(Command::new("docker").args(["inspect", &this.name])),
                "it ended"
            );
        }
        Some(this)
    }

    fn psql(&self, database: &str, sql: &str) {
        let output = Command::new("docker")
            .args(["exec", &self.name, "psql", "-X", "-q", "-h", "127.0.0.1"])
            .args(["-U", "postgres", "-v", "ON_ERROR_STOP=1", "-d", database])
            .args(["-c", sql])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn source(&self, at: &str) -> PostgresSource {
        let conninfo = Conninfo::parse(at, &Nothing).unwrap();
        let mut options = PostgresOptions::default();
        options.container = Some(Container::docker(&self.name));
        PostgresSource::new(conninfo, options)
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        succeeds(Command::new("docker").args(["rm", "-f", &self.name]));
        succeeds(Command::new("docker").args(["rmi", "-f", &format!("{}:test", self.name)]));
    }
}

fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_inside_of_a_container() {
    let Some(inside) = Box::start() else { return };
    inside.psql("postgres", "CREATE DATABASE shop");
    inside.psql(
        "shop",
        "CREATE TABLE orders (id int PRIMARY KEY, note text);
         INSERT INTO orders SELECT i, repeat('é', i % 50) FROM generate_series(1, 20000) i",
    );
    // By TCP, and by the socket, which another relay serves.
    let tcp = inside.source("postgres://postgres:secret99@127.0.0.1:5432/shop");
    let socket = inside.source("host=/tmp/pg user=postgres dbname=shop");
    for source in [&tcp, &socket] {
        conformance(source).await.unwrap();
        let manifest = vault()
            .create(source, &CreateOptions::default(), &())
            .await
            .unwrap();
        assert_eq!(manifest.verification.level, Level::Content);
        assert_eq!(manifest.fingerprint.tables["public.orders"].rows, 20000);
        assert!(
            manifest.source.contains(&inside.name),
            "{}",
            manifest.source
        );
    }
    assert_eq!(
        tcp.fingerprint().await.unwrap(),
        socket.fingerprint().await.unwrap()
    );

    let missing = inside.source("postgres://postgres@127.0.0.1/nothing_here");
    let error = missing.fingerprint().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let deaf = inside.source("postgres://postgres@127.0.0.1:1/shop");
    let error = deaf.fingerprint().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("refused"), "{error}");

    let mut options = PostgresOptions::default();
    options.container = Some(Container::docker("there_is_no_such_container"));
    let conninfo = Conninfo::parse("postgres://postgres@127.0.0.1/shop", &Nothing).unwrap();
    let gone = PostgresSource::new(conninfo, options);
    let error = gone.fingerprint().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("No such container"), "{error}");
}
