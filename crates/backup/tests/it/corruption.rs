//! Truncated, flipped, swapped: nothing of it verifies, at any level.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::test_runner::TestCaseError;
use ripcord_backup::test_util::MemorySource;
use ripcord_backup::{BackupId, CreateOptions, ErrorKind, Level, Vault};

const FILES: [&str; 3] = ["archive.bin.zst", "manifest.json", "SHA256SUMS"];

struct Made {
    store: Arc<InMemory>,
    vault: Vault,
    source: MemorySource,
    id: BackupId,
}

async fn made() -> Made {
    let store = Arc::new(InMemory::new());
    let vault = Vault::new(store.clone(), "");
    // Rows that do not compress well, so that the archive has some length.
    let rows = (0..2000_u64).map(|i| format!("{:x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let source = MemorySource::new("shop").with_rows("public.t", rows);
    let id = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap()
        .id;
    Made {
        store,
        vault,
        source,
        id,
    }
}

impl Made {
    async fn read(&self, file: &str) -> Vec<u8> {
        let path = format!("{}/{file}", self.id);
        let got = self.store.get(&path.into()).await.unwrap();
        got.bytes().await.unwrap().to_vec()
    }

    async fn write(&self, file: &str, bytes: Vec<u8>) {
        let path = format!("{}/{file}", self.id);
        self.store.put(&path.into(), bytes.into()).await.unwrap();
    }

    /// Verifies with this content instead, then puts the true one back.
    async fn verdict(&self, file: &str, bytes: Vec<u8>, level: Level) -> Result<(), ErrorKind> {
        let good = self.read(file).await;
        self.write(file, bytes).await;
        let verdict = self
            .vault
            .verify(&self.source, &self.id, level, &())
            .await
            .map(drop)
            .map_err(|error| error.kind());
        self.write(file, good).await;
        verdict
    }
}

#[tokio::test]
async fn a_truncated_file_never_verifies() {
    let made = made().await;
    for file in FILES {
        let good = made.read(file).await;
        for part in 0..20 {
            let cut = good[..good.len() * part / 20].to_vec();
            for level in [Level::Stored, Level::Structure, Level::Content] {
                let verdict = made.verdict(file, cut.clone(), level).await;
                assert_eq!(
                    verdict,
                    Err(ErrorKind::Corrupt),
                    "{file} cut at {part}/20, {level}"
                );
            }
        }
        let mut longer = good.clone();
        longer.push(b'\n');
        let verdict = made.verdict(file, longer, Level::Stored).await;
        assert_eq!(verdict, Err(ErrorKind::Corrupt), "{file} with a byte more");
    }
    made.vault
        .verify(&made.source, &made.id, Level::Content, &())
        .await
        .unwrap();
}

#[tokio::test]
async fn one_flipped_byte_anywhere_never_verifies() {
    let made = made().await;
    for file in FILES {
        let good = made.read(file).await;
        // Each byte of the small files; of the archive its ends and a wide sample.
        let step = if good.len() < 4000 {
            1
        } else {
            good.len() / 700
        };
        let ends = (0..20).chain(good.len() - 20..good.len());
        for at in (0..good.len()).step_by(step).chain(ends) {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << (at % 8);
            let verdict = made.verdict(file, flipped, Level::Stored).await;
            assert!(
                matches!(verdict, Err(ErrorKind::Corrupt | ErrorKind::NewerSchema)),
                "{file} at {at}: {verdict:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_file_never_verifies() {
    for file in FILES {
        let made = made().await;
        let path = format!("{}/{file}", made.id);
        made.store.delete(&path.into()).await.unwrap();
        let verdict = made
            .vault
            .verify(&made.source, &made.id, Level::Stored, &())
            .await;
        assert!(verdict.is_err(), "{file}");
    }
}

#[tokio::test]
async fn parts_of_two_backups_do_not_make_one() {
    let made = made().await;
    made.source.insert("public.t", "one more");
    let other = made
        .vault
        .create(&made.source, &CreateOptions::default(), &())
        .await
        .unwrap();
    for file in FILES {
        let path = format!("{}/{file}", other.id);
        let foreign = made
            .store
            .get(&path.into())
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        let verdict = made.verdict(file, foreign.to_vec(), Level::Stored).await;
        assert_eq!(verdict, Err(ErrorKind::Corrupt), "{file}");
    }
    assert!(
        made.store
            .list_with_delimiter(None)
            .await
            .unwrap()
            .common_prefixes
            .len()
            == 2
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_is_noticed(file in 0..3_usize, seed in any::<u64>(), xor in 1..=255_u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let made = made().await;
            let mut bytes = made.read(FILES[file]).await;
            let at = usize::try_from(seed % bytes.len() as u64).unwrap();
            bytes[at] ^= xor;
            match made.verdict(FILES[file], bytes, Level::Stored).await {
                Err(_) => Ok(()),
                Ok(()) => Err(TestCaseError::fail(format!("{} at {at}", FILES[file]))),
            }
        })?;
    }
}
