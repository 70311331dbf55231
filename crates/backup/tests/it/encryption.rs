//! Who can read a backup, and who says so.

use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use ripcord_backup::test_util::MemorySource;
use ripcord_backup::{
    CreateOptions, Encryption, ErrorKind, Level, Manifest, OpenedWith, Recipient, Vault,
};

struct Pair {
    public: Recipient,
    file: String,
}

fn pair() -> Pair {
    let identity = age::x25519::Identity::generate();
    Pair {
        public: identity.to_public().to_string().parse().unwrap(),
        file: format!("# a comment\n{}\n", identity.to_string().expose_secret()),
    }
}

fn source() -> MemorySource {
    let rows = (0..5000).map(|i| format!("row {i} {}", i * 7919 % 10007));
    MemorySource::new("shop").with_rows("orders", rows)
}

async fn made(vault: &Vault) -> Manifest {
    vault
        .create(&source(), &CreateOptions::default(), &())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_maker_cannot_read_what_it_made() {
    let (store, key) = (Arc::new(InMemory::new()), pair());
    let encryption = Encryption::to(vec![key.public.clone()]).unwrap();
    let vault = Vault::new(store.clone() as Arc<dyn ObjectStore>, "").with_encryption(encryption);
    assert!(!vault.can_decrypt());
    let manifest = made(&vault).await;
    // Proven with a key that is gone now.
    assert_eq!(manifest.verification.level, Level::Content);
    let verification = &manifest.verification;
    assert_eq!(verification.opened_with, Some(OpenedWith::Ephemeral));
    assert!(!manifest.is_readable_here());
    assert_eq!(manifest.archive.file, "archive.bin.zst.age");
    // What lies in the clear tells names and numbers, and nothing of definitions or content.
    let kept = vault.manifest(&manifest.id).await.unwrap();
    assert_eq!(kept.fingerprint.rows(), 5000);
    assert!(kept.fingerprint.schema.is_empty());
    assert_eq!(kept.fingerprint.tables["orders"].hash, "");
    assert_ne!(manifest.fingerprint.tables["orders"].hash, "");

    let source = source();
    let later = vault
        .verify(&source, &manifest.id, Level::Content, &())
        .await
        .unwrap();
    assert_eq!(later.level, Level::Stored);
    assert!(later.limited.unwrap().contains("no key"));
    let error = vault
        .restore(&source, &manifest.id, "copy", &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyMissing, "{error}");
    assert!(error.help().is_some());
    // What was proven when it was made stays proven.
    let entries = vault.list().await.unwrap();
    let ripcord_backup::State::Good { level, .. } = &entries[0].state else {
        panic!("{entries:?}");
    };
    assert_eq!(*level, Level::Content);

    let holder = Encryption::to_identities(&key.file).unwrap();
    let holder = Vault::new(store as Arc<dyn ObjectStore>, "").with_encryption(holder);
    let restored = holder
        .restore(&source, &manifest.id, "copy", &())
        .await
        .unwrap();
    assert_eq!(restored.database, "copy");
}

#[tokio::test]
async fn a_key_that_stays_is_shown_to_fit() {
    let key = pair();
    let vault = |recipient: &Recipient| {
        let encryption = Encryption::to(vec![recipient.clone()]).unwrap();
        Vault::new(Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, "")
            .with_encryption(encryption.with_identities(&key.file).unwrap())
    };
    let manifest = made(&vault(&key.public)).await;
    assert!(manifest.is_readable_here());
    let verification = &manifest.verification;
    assert_eq!(verification.opened_with, Some(OpenedWith::Kept));

    // Encrypted to somebody else: found out when it is made, not when it is needed.
    let wrong = vault(&pair().public);
    let error = wrong
        .create(&source(), &CreateOptions::default(), &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyMissing, "{error}");
    assert_eq!(wrong.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_passphrase_opens_and_a_wrong_one_does_not() {
    let store = Arc::new(InMemory::new());
    let with = |text: &str| {
        Vault::new(store.clone() as Arc<dyn ObjectStore>, "")
            .with_encryption(Encryption::with_passphrase(text).unwrap())
    };
    let manifest = made(&with("correct horse")).await;
    assert!(manifest.is_readable_here());
    let error = with("wrong horse")
        .verify(&source(), &manifest.id, Level::Content, &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyMissing, "{error}");
    assert!(!format!("{error:?}").contains("horse"));
    with("correct horse")
        .verify(&source(), &manifest.id, Level::Content, &())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_changed_byte_is_told_from_a_wrong_key() {
    let (store, key) = (Arc::new(InMemory::new()), pair());
    let vault = Vault::new(store.clone() as Arc<dyn ObjectStore>, "")
        .with_encryption(Encryption::to_identities(&key.file).unwrap());
    let manifest = made(&vault).await;
    let path = format!("{}/{}", manifest.id, manifest.archive.file).into();
    let whole = store.get(&path).await.unwrap().bytes().await.unwrap();
    // In the header, in the first and the last piece, and without the end.
    for at in [3, 60, 150, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 4;
        let mut cut = whole.to_vec();
        cut.truncate(at);
        for bytes in [bytes, cut] {
            store.put(&path, PutPayload::from(bytes)).await.unwrap();
            let error = vault
                .verify(&source(), &manifest.id, Level::Content, &())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{at}: {error}");
        }
    }
}

#[tokio::test]
async fn what_is_not_encrypted_is_read_as_before() {
    let (store, key) = (Arc::new(InMemory::new()), pair());
    let plain = Vault::new(store.clone() as Arc<dyn ObjectStore>, "");
    let manifest = made(&plain).await;
    assert!(manifest.is_readable_here());
    let sealed = plain.with_encryption(Encryption::to(vec![key.public]).unwrap());
    let verification = sealed
        .verify(&source(), &manifest.id, Level::Content, &())
        .await
        .unwrap();
    assert_eq!(verification.level, Level::Content);
}

#[test]
fn a_secret_key_in_place_of_a_public_one_is_not_repeated() {
    let secret = "AGE-SECRET-KEY-1QQPQXQYR0WX4VJ6FNPHWWJVQ5R8KLD0Q0R6HXN2TQZXTNNTXKUHSQ8M9YD";
    for given in [
        secret.to_owned(),
        format!("  {}\n", secret.to_lowercase()),
        format!("# public key\n{secret}"),
    ] {
        let error = given.parse::<Recipient>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let told = format!("{error} {error:?} {}", error.chain()).to_uppercase();
        assert!(
            told.contains("THIS IS A SECRET KEY, GIVE THE PUBLIC ONE"),
            "{told}"
        );
        assert!(!told.contains("KEY-1"), "{told}");
    }
    for wrong in ["", "hunter2", "age1hunter2"] {
        let error = wrong.parse::<Recipient>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}
