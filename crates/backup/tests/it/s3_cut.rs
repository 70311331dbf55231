//! A connection that drops at any byte, once or for good: nothing that looks finished, and
//! nothing that stays.

use std::sync::Arc;

use futures::StreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use ripcord_backup::stores::{Store, s3};
use ripcord_backup::test_util::MemorySource;
use ripcord_backup::{CreateOptions, ErrorKind, Level, State, Vault};

use crate::pg_sweep::sample;
use crate::s3::{files, is_transient, noise};
use crate::s3_proxy::{Cut, Proxy, Then};
use crate::s3_server::Server;

/// How many bytes are walked to, how many answers, and how many walks go at a time.
const BYTES: u64 = 20;
const ANSWERS: u64 = 14;
const AT_ONCE: usize = 4;

fn store(server: &Server, address: &str) -> Store {
    s3(server.options_through(address)).unwrap()
}

/// Two parts.
fn source() -> MemorySource {
    noise("shop", 12 * 1024 * 1024)
}

async fn create(vault: &Vault, source: &MemorySource) -> Result<(), ripcord_backup::Error> {
    vault
        .create(source, &CreateOptions::default(), &())
        .await
        .map(drop)
}

/// Everything published verifies, and there is nothing else.
async fn clean(vault: &Vault, store: &Store, source: &MemorySource, prefix: &str, what: &str) {
    let entries = vault.list().await.unwrap();
    for entry in &entries {
        assert!(matches!(entry.state, State::Good { .. }), "{what}");
        let verified = vault.verify(source, &entry.id, Level::Stored, &()).await;
        verified.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    for file in files(store, prefix).await {
        let of_one = entries
            .iter()
            .any(|entry| file.starts_with(&format!("{prefix}/{}/", entry.id)));
        let mine = of_one && !is_transient(&file);
        assert!(mine, "{what} left {file}");
    }
    assert_eq!(source.databases().len(), 0, "{what}");
}

/// The traffic of a backup that nothing happens to.
async fn measure(server: &Server) -> u64 {
    let proxy = Proxy::new(server, Cut::Never, Then::Heals).await;
    let vault = Vault::new(store(server, &proxy.address), "measured");
    create(&vault, &source()).await.unwrap();
    assert!(proxy.answers() > ANSWERS);
    proxy.bytes()
}

/// Over the whole traffic; and at the first answers one by one, which are those to requests that
/// change something, before the archive is read back in many pieces.
fn moments(bytes: u64) -> Vec<Cut> {
    let bytes = (0..BYTES).map(|i| Cut::AfterBytes(1 + i * bytes / BYTES));
    let all = bytes
        .chain((1..=ANSWERS).map(Cut::AtAnswer))
        .chain((1..=ANSWERS).map(Cut::ResetAtAnswer))
        .collect();
    sample(all, 8)
}

async fn walk(then: Then) {
    for server in Server::all().await {
        let server = Arc::new(server);
        let bytes = measure(&server).await;
        let walks = moments(bytes).into_iter().enumerate().map(|(i, cut)| {
            let server = Arc::clone(&server);
            tokio::spawn(async move { one(&server, &format!("walk-{i}"), cut, then).await })
        });
        let walks: Vec<_> = futures::stream::iter(walks)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for walk in walks {
            walk.unwrap();
        }
        assert_eq!(server.unfinished("walk").await, 0, "whatever its prefix");
    }
}

async fn one(server: &Server, prefix: &str, cut: Cut, then: Then) {
    let what = format!("{} {cut:?} {then:?}", server.address);
    let proxy = Proxy::new(server, cut, then).await;
    let cut_store = store(server, &proxy.address);
    let whole_store = store(server, &server.address);
    let source = source();
    let vault = Vault::new(cut_store, prefix);
    let direct = Vault::new(whole_store.clone(), prefix);
    let created = create(&vault, &source).await;
    assert!(proxy.has_cut(), "{what}");
    match (then, created) {
        (Then::Heals, created) => {
            created.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        }
        (Then::StaysAway, Err(error)) => {
            assert_eq!(
                error.kind(),
                ErrorKind::StoreUnreachable,
                "{what}: {error:?}"
            );
            // The manifest may have arrived although its answer did not.
            for entry in direct.list().await.unwrap() {
                assert!(matches!(entry.state, State::Good { .. }), "{what}");
            }
            proxy.heal().await;
            create(&vault, &source).await.unwrap();
        }
        // The store went away after the backup was published; its claim is left to the next.
        (Then::StaysAway, Ok(())) => {
            proxy.heal().await;
            create(&vault, &source).await.unwrap();
        }
    }
    clean(&direct, &whole_store, &source, prefix, &what).await;
    if server.is_moto() {
        assert_eq!(server.unfinished(prefix).await, 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_drops_once_does_no_harm() {
    walk(Then::Heals).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_away_leaves_nothing_that_looks_finished() {
    walk(Then::StaysAway).await;
}

/// A restore takes its input slowly, so what the client itself is ready to wait is over by then.
#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_where_a_connection_dropped() {
    for server in Server::all().await {
        let path = Path::from("read/it");
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        let whole = store(&server, &server.address);
        whole.put(&path, bytes.clone().into()).await.unwrap();
        let proxy = Proxy::new(&server, Cut::AfterBytes(500_000), Then::Heals).await;
        let mut options = server.options_through(&proxy.address);
        options.retries = 0;
        let cut = s3(options).unwrap();
        let read = cut.get(&path).await.unwrap().bytes().await.unwrap();
        assert!(proxy.has_cut());
        assert!(read == bytes);
    }
}
