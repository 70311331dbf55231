//! The TLS modes against a real server, each beside what psql makes of the same string.

use std::path::{Path, PathBuf};
use std::process::Command;

use ripcord_conninfo::{Conninfo, ErrorKind};

use crate::around::Around;
use crate::server::{Server, run};

#[derive(Debug)]
struct Files(PathBuf);

/// Real files, but a home and an environment of the test's own.
impl ripcord_conninfo::Surroundings for Files {
    fn var(&self, _name: &str) -> Option<String> {
        None
    }
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        ripcord_conninfo::System.read(path)
    }
    fn mode(&self, path: &Path) -> Option<u32> {
        ripcord_conninfo::System.mode(path)
    }
    fn home(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }
    fn user(&self) -> Option<String> {
        None
    }
}

fn openssl(dir: &Path, args: &str) {
    run(Command::new("openssl")
        .args(args.split_whitespace())
        .current_dir(dir));
}

/// A CA, and certificates signed by it: with alternative names, and with a common name only.
fn certificates(dir: &Path) {
    for ca in ["ca", "other"] {
        openssl(
            dir,
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={ca}-authority -keyout {ca}.key -out {ca}.crt"
            ),
        );
    }
    for (name, subject, extension) in [
        ("named", "/CN=whatever", "subjectAltName=DNS:localhost"),
        ("common", "/CN=localhost", "keyUsage=digitalSignature"),
        ("wrong", "/CN=localhost", "subjectAltName=DNS:db.example"),
        ("by_cert", "/CN=by_cert", "keyUsage=digitalSignature"),
    ] {
        std::fs::write(dir.join("ext.cnf"), format!("{extension}\n")).unwrap();
        openssl(
            dir,
            &format!(
                "req -newkey rsa:2048 -nodes -subj {subject} -keyout {name}.key -out {name}.csr"
            ),
        );
        openssl(
            dir,
            &format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext.cnf -out {name}.crt"
            ),
        );
    }
    openssl(
        dir,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout self.key -out self.crt",
    );
}

/// Whether we get in; psql must agree.
async fn gets_in(server: &Server, text: &str) -> Result<(), ErrorKind> {
    let full = format!("port={} dbname=postgres {text}", server.port);
    let conninfo = Conninfo::parse(&full, &Files(server.path(""))).unwrap();
    let ours = conninfo.connect().await;
    let (theirs, said) = server.psql(&conninfo.libpq_env());
    assert_eq!(ours.is_ok(), theirs, "{text}: ours {ours:?}, psql: {said}");
    match ours {
        Ok(client) => {
            client.simple_query("SELECT 1").await.unwrap();
            Ok(())
        }
        Err(error) => {
            assert!(
                !format!("{error} {error:?}").contains("s3cr3t"),
                "{error:?}"
            );
            Err(error.kind())
        }
    }
}

/// With `RIPCORD_REQUIRE_SERVICES=1` a skip is a failure.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time what is there, and say when they skip"
)]
fn server() -> Option<Server> {
    match Server::start() {
        Ok(server) => Some(server),
        Err(absent) => {
            let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
            assert!(!required, "required: {}", absent.0);
            println!("SKIPPED: {}", absent.0);
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mode_agrees_with_libpq() {
    let Some(server) = server() else { return };
    let dir = server.path("certs");
    std::fs::create_dir(&dir).unwrap();
    certificates(&dir);
    let file = |name: &str| dir.join(name);
    let ca = file("ca.crt");
    let show = |name: &str| file(name).display().to_string();
    server.use_certificate(&file("named.crt"), &file("named.key"), &ca);
    server.sql("ALTER USER postgres PASSWORD 's3cr3t'");
    server.sql("CREATE USER tls_only PASSWORD 's3cr3t'");
    server.sql("CREATE USER plain_only PASSWORD 's3cr3t'");
    server.sql("CREATE USER by_cert");

    let good = show("ca.crt");
    let bad = show("other.crt");
    let pg = "user=postgres password=s3cr3t";
    let tls = "user=tls_only password=s3cr3t";
    let plain = "user=plain_only password=s3cr3t";
    let name = "host=localhost";
    // The certificate has no IP address in it.
    let addr = "host=127.0.0.1";
    let cases: Vec<(String, Result<(), ErrorKind>)> = vec![
        (
            format!("{name} {pg} sslmode=verify-full sslrootcert={good}"),
            Ok(()),
        ),
        (
            format!("{addr} {pg} sslmode=verify-full sslrootcert={good}"),
            Err(ErrorKind::Tls),
        ),
        (
            format!("{name} hostaddr=127.0.0.1 {pg} sslmode=verify-full sslrootcert={good}"),
            Ok(()),
        ),
        (
            format!("{name} {pg} sslmode=verify-full sslrootcert={bad}"),
            Err(ErrorKind::Tls),
        ),
        (
            format!("{addr} {pg} sslmode=verify-ca sslrootcert={good}"),
            Ok(()),
        ),
        (
            format!("{addr} {pg} sslmode=verify-ca sslrootcert={bad}"),
            Err(ErrorKind::Tls),
        ),
        (format!("{addr} {pg} sslmode=require"), Ok(())),
        // A root certificate turns `require` into `verify-ca`.
        (
            format!("{addr} {pg} sslmode=require sslrootcert={good}"),
            Ok(()),
        ),
        (
            format!("{addr} {pg} sslmode=require sslrootcert={bad}"),
            Err(ErrorKind::Tls),
        ),
        (format!("{addr} {pg}"), Ok(())),
        (format!("{addr} {pg} sslmode=disable"), Ok(())),
        (
            format!("{addr} {tls} sslmode=disable"),
            Err(ErrorKind::Authentication),
        ),
        (format!("{addr} {tls} sslmode=allow"), Ok(())),
        (format!("{addr} {tls} sslmode=prefer"), Ok(())),
        (format!("{addr} {plain} sslmode=prefer"), Ok(())),
        (
            format!("{addr} {plain} sslmode=require"),
            Err(ErrorKind::Authentication),
        ),
        // `prefer` falls back when the certificate is not accepted.
        (
            format!("{addr} {plain} sslmode=prefer sslrootcert={bad}"),
            Ok(()),
        ),
        (
            format!("{addr} {tls} sslmode=prefer sslrootcert={bad}"),
            Err(ErrorKind::Tls),
        ),
        (
            format!("{addr} {pg} sslmode=require channel_binding=require"),
            Ok(()),
        ),
        (
            format!("{addr} {pg} sslmode=require ssl_min_protocol_version=TLSv1.3"),
            Ok(()),
        ),
        (
            format!("{addr} {pg} sslmode=require ssl_max_protocol_version=TLSv1.2"),
            Ok(()),
        ),
        (
            format!("{addr} user=postgres password=wrong"),
            Err(ErrorKind::Authentication),
        ),
        (
            format!("{addr} user=postgres"),
            Err(ErrorKind::Authentication),
        ),
        (
            format!("{addr} {pg} dbname=absent"),
            Err(ErrorKind::DatabaseMissing),
        ),
        (
            format!("{addr} {pg} options='-c geqo=off -c search_path=a,\\\\ b'"),
            Ok(()),
        ),
        (
            format!("host=127.0.0.2,127.0.0.1 {pg} target_session_attrs=primary"),
            Ok(()),
        ),
        (
            format!("{addr} {pg} target_session_attrs=standby"),
            Err(ErrorKind::WrongSession),
        ),
        (
            format!("{addr} {pg} target_session_attrs=prefer-standby"),
            Ok(()),
        ),
        (
            format!(
                "host={} user=postgres sslmode=verify-full sslrootcert={good}",
                server.path("").display()
            ),
            Ok(()),
        ),
        (
            format!(
                "{addr} user=by_cert sslmode=require sslcert={} sslkey={}",
                show("by_cert.crt"),
                show("by_cert.key")
            ),
            Ok(()),
        ),
        (
            format!("{addr} user=by_cert sslmode=require"),
            Err(ErrorKind::Authentication),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(gets_in(&server, &text).await, expected, "{text}");
    }

    // A certificate without alternative names is judged by its common name.
    server.use_certificate(&file("common.crt"), &file("common.key"), &ca);
    let text = format!("{name} {pg} sslmode=verify-full sslrootcert={good}");
    assert_eq!(gets_in(&server, &text).await, Ok(()));
    let text = format!("{addr} {pg} sslmode=verify-full sslrootcert={good}");
    assert_eq!(gets_in(&server, &text).await, Err(ErrorKind::Tls));

    // Where there are alternative names, the common name does not count.
    server.use_certificate(&file("wrong.crt"), &file("wrong.key"), &ca);
    let text = format!("{name} {pg} sslmode=verify-full sslrootcert={good}");
    assert_eq!(gets_in(&server, &text).await, Err(ErrorKind::Tls));

    // A self-signed certificate that is its own root certificate.
    server.use_certificate(&file("self.crt"), &file("self.key"), &ca);
    let own = show("self.crt");
    let text = format!("{name} {pg} sslmode=verify-full sslrootcert={own}");
    assert_eq!(gets_in(&server, &text).await, Ok(()));
    let text = format!("{addr} {pg} sslmode=verify-full sslrootcert={own}");
    assert_eq!(gets_in(&server, &text).await, Err(ErrorKind::Tls));
    let text = format!("{addr} {pg} sslmode=verify-ca sslrootcert={good}");
    assert_eq!(gets_in(&server, &text).await, Err(ErrorKind::Tls));

    // The root certificate in the home directory counts when none is named.
    let home = server.path(".postgresql");
    std::fs::create_dir(&home).unwrap();
    std::fs::copy(file("other.crt"), home.join("root.crt")).unwrap();
    let text = format!("{addr} {pg} sslmode=require");
    assert_eq!(gets_in(&server, &text).await, Err(ErrorKind::Tls));
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let conninfo = Conninfo::parse(
        "host=127.0.0.1 port=1 password=s3cr3t connect_timeout=5",
        &Around::default(),
    )
    .unwrap();
    let error = conninfo.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.is_transient());
    assert!(!format!("{error:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_server_that_says_nothing_times_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "host=127.0.0.1 port={} connect_timeout=1",
        silent.local_addr().unwrap().port()
    );
    let conninfo = Conninfo::parse(&text, &Around::default()).unwrap();
    let error = conninfo.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}
