use std::sync::Arc;

use object_store::memory::InMemory;
use ripcord_backup::test_util::{MemorySource, conformance};
use ripcord_backup::{
    CreateOptions, ErrorKind, Fingerprint, MockSource, RestoreReport, ServerFacts, Snapshot,
    Source, TableContent, Vault,
};

fn snapshot(hash: &str) -> Snapshot {
    let mut fingerprint = Fingerprint::default();
    let content = TableContent {
        rows: 3,
        hash: hash.to_owned(),
    };
    fingerprint.tables.insert("public.t".to_owned(), content);
    let server = ServerFacts {
        version: "15.1".to_owned(),
        tool: "mock".to_owned(),
        system_identifier: None,
        database: "shop".to_owned(),
        database_oid: 7,
        lsn: None,
        started: "2026-11-20T11:00:00Z".parse().unwrap(),
        finished: "2026-11-20T11:00:01Z".parse().unwrap(),
    };
    Snapshot::new(fingerprint, server)
}

#[tokio::test]
async fn the_mock_can_be_used_by_those_downstream() {
    let mut source = MockSource::new();
    source.expect_name().return_const("mock".to_owned());
    source
        .expect_dump()
        .returning(|| Ok((b"archive".to_vec(), snapshot("a"))));
    source
        .expect_restore()
        .withf(|archive, into| archive == b"archive" && into.purpose.contains("scratch"))
        .returning(|_, _| Ok(RestoreReport::default()));
    source
        .expect_fingerprint_of()
        .returning(|_| Ok(snapshot("b").fingerprint));
    source.expect_discard().times(1).returning(|_| Ok(()));

    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let boxed: Box<dyn Source> = Box::new(source);
    let error = vault
        .create(&boxed, &CreateOptions::default(), &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    assert!(error.to_string().contains("content of public.t"), "{error}");
    assert_eq!(vault.list().await.unwrap(), []);
}

#[tokio::test]
async fn the_source_in_memory_conforms() {
    let source = MemorySource::new("shop").with_rows("public.t", ["1", "2"]);
    conformance(&Arc::new(source)).await.unwrap();
}
