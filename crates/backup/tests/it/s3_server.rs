//! Two independent servers that speak S3.

use std::path::PathBuf;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use ripcord_backup::stores::{S3Credentials, S3Options};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::pg::unique;

/// A server with a bucket of the test's own.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) bucket: String,
    kind: Kind,
}

enum Kind {
    Moto,
    /// Lives as long as its folder.
    S3sFs(TempDir),
}

impl Server {
    /// Those that are there: always at least one.
    pub(crate) async fn all() -> Vec<Self> {
        let mut servers = vec![Self::s3s_fs().await];
        servers.extend(Self::moto().await);
        servers
    }

    /// The one that `RIPCORD_TEST_S3_URL` names, or `None` with the reason printed.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "tests find out at run time what is there, and say when they skip"
    )]
    pub(crate) async fn moto() -> Option<Self> {
        let Ok(url) = std::env::var("RIPCORD_TEST_S3_URL") else {
            let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
            assert!(!required, "RIPCORD_TEST_S3_URL is required");
            println!("SKIPPED: RIPCORD_TEST_S3_URL is not set");
            return None;
        };
        let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
        let server = Self {
            address: address.to_owned(),
            bucket: unique("ripcord-test").replace('_', "-"),
            kind: Kind::Moto,
        };
        server.request("PUT", "").await;
        Some(server)
    }

    pub(crate) async fn s3s_fs() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bucket = "ripcord-test".to_owned();
        std::fs::create_dir(folder.path().join(&bucket)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    drop(http.serve_connection(TokioIo::new(socket), service).await);
                });
            }
        });
        Self {
            address,
            bucket,
            kind: Kind::S3sFs(folder),
        }
    }

    pub(crate) fn is_moto(&self) -> bool {
        matches!(self.kind, Kind::Moto)
    }

    /// Options that give up quickly.
    pub(crate) fn options(&self) -> S3Options {
        self.options_through(&self.address)
    }

    pub(crate) fn options_through(&self, address: &str) -> S3Options {
        let mut options = S3Options::new(&self.bucket);
        options.endpoint = Some(format!("http://{address}"));
        options.credentials = S3Credentials::Key {
            id: "key".to_owned(),
            secret: "secret".into(),
            session_token: None,
        };
        options.retries = 2;
        options.retry_for = std::time::Duration::from_secs(5);
        options.part_size = 5 * 1024 * 1024;
        options
    }

    /// How many uploads below this prefix are neither complete nor aborted.
    pub(crate) async fn unfinished(&self, prefix: &str) -> usize {
        match &self.kind {
            Kind::Moto => {
                let found = self.request("GET", "?uploads").await;
                found.matches(&format!("<Key>{prefix}/")).count()
            }
            // It tells them apart by a number only, and lists none: one that was begun by a request
            // whose answer was lost stays, without a part.
            Kind::S3sFs(folder) => files(folder.path().to_owned())
                .iter()
                .filter(|name| name.contains(".part-"))
                .count(),
        }
    }

    /// A request that is not signed, which moto does not mind.
    async fn request(&self, method: &str, rest: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let (host, bucket) = (&self.address, &self.bucket);
        let request = format!(
            "{method} /{bucket}{rest} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }
}

fn files(folder: PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
