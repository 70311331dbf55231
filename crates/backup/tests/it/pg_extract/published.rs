//! An export as a backup of its own.

use std::sync::Arc;

use async_trait::async_trait;
use ripcord_backup::sources::{Extract, ExtractSource, PutBackOptions};
use ripcord_backup::{
    CreateOptions, Destination, Encryption, Error, ErrorKind, Fingerprint, Format, Found, Level,
    Manifest, RestoreReport, Snapshot, Source, Vault, stores,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{SHOP, content, extract, one, shop};
use crate::pg::{Db, unique};
use crate::pg_backup::vault;

/// Restores, and then does something to the copy.
#[derive(Debug)]
struct Spoiled {
    inner: ExtractSource,
    sql: &'static str,
    db: ripcord_conninfo::Conninfo,
}

#[async_trait]
impl Source for Spoiled {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn format(&self) -> Format {
        self.inner.format()
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        self.inner.dump(sink).await
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        self.inner.inspect(archive).await
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        let report = self.inner.restore(archive, into).await?;
        let client = self
            .db
            .with_database(&into.database)
            .connect()
            .await
            .unwrap();
        client.batch_execute(self.sql).await.unwrap();
        Ok(report)
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        self.inner.fingerprint().await
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        self.inner.fingerprint_of(database).await
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        self.inner.find(database).await
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        self.inner.mark(database, purpose).await
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        self.inner.discard(database).await
    }
}

#[tokio::test]
async fn a_copy_that_differs_in_one_value_is_not_published() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    for (sql, part) in [
        (
            "UPDATE orders SET note = 'note 7' WHERE id = 77",
            "content of public.orders: 100 rows as before",
        ),
        ("UPDATE orders SET note = '' WHERE note IS NULL", ""),
        (
            "DELETE FROM customers WHERE id = 3",
            "content of public.customers: 19 rows instead of 20",
        ),
        (
            "ALTER TABLE orders ALTER id TYPE int",
            "column public.orders.id differs",
        ),
        (
            "DROP TABLE customers",
            "content of public.customers is missing",
        ),
    ] {
        if part.is_empty() {
            db.sql("UPDATE orders SET note = NULL WHERE id = 1").await;
        }
        let source = Spoiled {
            inner: shop(&db),
            sql,
            db: db.conninfo.clone(),
        };
        let vault = vault();
        let error = vault
            .create(&source, &CreateOptions::default(), &())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{sql}: {error}");
        assert!(error.to_string().contains(part), "{sql}: {error}");
        assert!(vault.list().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_encrypted_export_opens_with_its_key_only() {
    let Some(db) = Db::new(SHOP).await else {
        return;
    };
    let encryption = Encryption::with_passphrase("a long passphrase of the test".to_owned());
    let store: Arc<dyn object_store::ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    let sealed = Vault::new(Arc::clone(&store), "").with_encryption(encryption.unwrap());
    let manifest = sealed
        .create(&shop(&db), &CreateOptions::default(), &())
        .await
        .unwrap();
    assert!(manifest.encryption.is_some());
    assert_eq!(manifest.verification.level, Level::Content);
    let before = content(&db).await;
    db.sql("DELETE FROM orders").await;
    let without = Vault::new(store, "");
    let error = without.read(&manifest.id, &()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::KeyMissing);
    let mut reader = sealed.read(&manifest.id, &()).await.unwrap();
    db.source()
        .put_back(&mut reader, &PutBackOptions::default())
        .await
        .unwrap();
    assert_eq!(before.diff(&content(&db).await), []);
}

/// With tar and psql and nothing of ours.
#[tokio::test]
async fn an_export_is_read_without_us() {
    let Some(db) = Db::new(
        "CREATE TABLE big (id int PRIMARY KEY, a text);
         INSERT INTO big SELECT i, repeat(md5(i::text), 4) FROM generate_series(1, 40000) i;
         INSERT INTO big VALUES (0, ''), (-1, NULL); CREATE TABLE small (id int PRIMARY KEY)",
    )
    .await
    else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::new(stores::folder(&dir.path().join("store")).unwrap(), "");
    let source = extract(
        &db,
        vec![Extract::table("public.big"), Extract::table("public.small")],
    );
    let manifest: Manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let target = dir.path().join(unique("it's a folder"));
    let output = std::process::Command::new("sh")
        .arg(
            dir.path()
                .join("store")
                .join(manifest.id.as_str())
                .join("restore.sh"),
        )
        .arg(&target)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut files: Vec<String> = std::fs::read_dir(&target)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "001-public.big.csv",
            "002-public.small.csv",
            "extract.json",
            "rows.json"
        ]
    );
    let file = target.join("001-public.big.csv");
    db.sql("CREATE TABLE copy (LIKE big)").await;
    let output = std::process::Command::new("psql")
        .envs(db.conninfo.libpq_env())
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-c"])
        .arg(format!(
            "\\copy copy (id, a) FROM '{}' CSV HEADER",
            file.to_str().unwrap().replace('\'', "''")
        ))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let differ = "SELECT count(*)::text FROM (TABLE big EXCEPT ALL TABLE copy) x";
    assert_eq!(one(&db, differ).await, "0");
    assert_eq!(one(&db, "SELECT count(*)::text FROM copy").await, "40002");
}
