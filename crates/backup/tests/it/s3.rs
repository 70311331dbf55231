//! A vault in an S3 bucket: everything works, and what is refused is said clearly.

use std::error::Error as _;
use std::sync::Arc;

use futures::TryStreamExt as _;
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};
use rand::{RngExt as _, SeedableRng as _};
use ripcord_backup::stores::{S3Credentials, Store, s3};
use ripcord_backup::test_util::MemorySource;
use ripcord_backup::{CreateOptions, Error, ErrorKind, Freshness, GateAnswer, Level, State, Vault};

use crate::s3_server::Server;

/// Rows that hardly compress, about so many bytes of them.
pub(crate) fn noise(name: &str, bytes: usize) -> MemorySource {
    let mut words = rand::rngs::StdRng::seed_from_u64(7);
    let rows = (0..bytes.div_ceil(8 * 1024)).map(|_| {
        let words = (0..512).map(|_| format!("{:016x}", words.random::<u64>()));
        words.collect::<String>()
    });
    MemorySource::new(name).with_rows("public.noise", rows.collect::<Vec<_>>())
}

pub(crate) async fn files(store: &Store, folder: &str) -> Vec<String> {
    let folder = Path::from(folder);
    let found: Vec<_> = store.list(Some(&folder)).try_collect().await.unwrap();
    let mut files: Vec<String> = found.iter().map(|meta| meta.location.to_string()).collect();
    files.sort();
    files
}

/// Whether a file is there only while somebody is at work.
pub(crate) fn is_transient(file: &str) -> bool {
    ["/RESERVED", ".UPLOAD"]
        .iter()
        .any(|end| file.ends_with(end))
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(&format!(": {error}"));
        next = error.source();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_several_parts_goes_round() {
    for server in Server::all().await {
        let store = s3(server.options()).unwrap();
        let vault = Vault::new(store.clone(), "shop");
        let source = noise("shop", 24 * 1024 * 1024);
        let options = CreateOptions::default();
        let manifest = vault.create(&source, &options, &()).await.unwrap();
        assert!(manifest.archive.bytes > 2 * 5 * 1024 * 1024, "three parts");
        let id = &manifest.id;
        for file in files(&store, "shop").await {
            assert!(file.starts_with(&format!("shop/{id}/")), "{file}");
            assert!(!is_transient(&file), "{file}");
        }
        assert_eq!(server.unfinished("shop").await, 0);
        let entries = vault.list().await.unwrap();
        assert!(matches!(entries[0].state, State::Good { .. }));
        vault
            .verify(&source, id, Level::Content, &())
            .await
            .unwrap();
        let wanted = Freshness::new(std::time::Duration::from_secs(3600), Level::Content);
        assert!(vault.gate(&wanted).await.allows());
        let restored = vault.restore(&source, id, "restored", &()).await.unwrap();
        assert!(restored.report.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_created_again() {
    for server in Server::all().await {
        let store = s3(server.options()).unwrap();
        let path = Path::from("shop/once");
        let create = || PutOptions::from(PutMode::Create);
        let write = |text: &'static str| store.put_opts(&path, text.into(), create());
        write("first").await.unwrap();
        for again in ["second", "first"] {
            let error = write(again).await.unwrap_err();
            let exists = matches!(error, object_store::Error::AlreadyExists { .. });
            assert!(exists, "{error:?}");
        }
        let found = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(found, "first");
        let writers = (0..16).map(|_| write("raced"));
        store.delete(&path).await.unwrap();
        let won = futures::future::join_all(writers).await;
        let won = won.iter().filter(|result| result.is_ok()).count();
        // s3s-fs looks and then writes, without a lock in between.
        assert!(
            won == 1 || (!server.is_moto() && won >= 1),
            "{won} created it"
        );
        store.delete(&path).await.unwrap();
        store.delete(&path).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_said_to_be_missing() {
    for server in Server::all().await {
        let mut options = server.options();
        options.bucket = "nobody-made-this-one".to_owned();
        let vault = Vault::new(s3(options).unwrap(), "shop");
        let source = noise("shop", 10);
        let mut errors = vec![vault.list().await.unwrap_err()];
        // s3s-fs makes a bucket of which it hears.
        if server.is_moto() {
            let created = vault.create(&source, &CreateOptions::default(), &()).await;
            errors.push(created.unwrap_err());
        }
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Store);
            let text = chain(&error);
            assert!(
                text.contains("there is no bucket nobody-made-this-one"),
                "{text}"
            );
        }
        let wanted = Freshness::new(std::time::Duration::from_secs(3600), Level::Content);
        let answer = vault.gate(&wanted).await;
        assert!(
            matches!(answer, GateAnswer::StoreUnreachable { .. }),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_said_to_be_wrong() {
    // moto takes any.
    let server = Server::s3s_fs().await;
    for (id, secret, code) in [
        ("nobody", "secret", "NotSignedUp"),
        ("key", "hunter2", "SignatureDoesNotMatch"),
    ] {
        let mut options = server.options();
        options.credentials = S3Credentials::Key {
            id: id.to_owned(),
            secret: secret.into(),
            session_token: None,
        };
        let vault = Vault::new(s3(options).unwrap(), "shop");
        let error = vault.list().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        let text = chain(&error);
        assert!(text.contains(code), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains('<'), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_cannot_be_reached() {
    let server = Server::s3s_fs().await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let vault = Vault::new(s3(server.options_through(&address)).unwrap(), "shop");
    let error = vault.list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnreachable);
    // Nor can one that speaks no TLS, if that is what was asked for.
    let mut options = server.options();
    options.endpoint = Some(format!("https://{}", server.address));
    let vault = Vault::new(s3(options).unwrap(), "shop");
    let error = vault.list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnreachable);
}

/// A killed run: its owner is gone, its upload has parts and a note.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_was_uploading_is_ended_by_the_next() {
    for server in Server::all().await {
        let store = s3(server.options()).unwrap();
        let id = "20200101T000000Z-00000000";
        let archive = Path::from(format!("shop/{id}/archive.pgdump.zst"));
        let claim = r#"{"owner":null,"source":"shop","at":"2020-01-01T00:00:00Z","scratch":null}"#;
        let put = |file: &str, text: String| {
            let path = Path::from(format!("shop/{id}/{file}"));
            let store = store.clone();
            async move { store.put(&path, text.into()).await.unwrap() }
        };
        put("RESERVED", claim.to_owned()).await;
        let raw = raw(&server);
        let upload = raw.create_multipart(&archive).await.unwrap();
        let note = format!(
            r#"{{"schema":1,"file":"archive.pgdump.zst","upload":"{upload}","at":"2020-01-01T00:00:00Z"}}"#
        );
        put("archive.pgdump.zst.UPLOAD", note).await;
        let part = raw.put_part(&archive, &upload, 0, "some".into()).await;
        part.unwrap();
        if server.is_moto() {
            // Killed between the server's answer and the note: only a listing finds it.
            raw.create_multipart(&archive).await.unwrap();
        }
        assert!(server.unfinished("shop").await > 0);
        let vault = Vault::new(store.clone(), "shop");
        let source = noise("shop", 10);
        let manifest = vault.create(&source, &CreateOptions::default(), &()).await;
        let id = manifest.unwrap().id;
        assert_eq!(server.unfinished("shop").await, 0);
        for file in files(&store, "shop").await {
            assert!(file.starts_with(&format!("shop/{id}/")), "{file}");
        }
    }
}

fn raw(server: &Server) -> Arc<object_store::aws::AmazonS3> {
    #[derive(Debug)]
    struct Plain;
    impl object_store::client::HttpConnector for Plain {
        fn connect(
            &self,
            _: &object_store::ClientOptions,
        ) -> object_store::Result<object_store::client::HttpClient> {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            let client = reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .no_proxy()
                .build()
                .unwrap();
            Ok(object_store::client::HttpClient::new(client))
        }
    }
    let builder = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(format!("http://{}", server.address))
        .with_bucket_name(&server.bucket)
        .with_allow_http(true)
        .with_access_key_id("key")
        .with_secret_access_key("secret")
        .with_http_connector(Plain);
    Arc::new(builder.build().unwrap())
}
