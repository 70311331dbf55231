//! Dumps that other programs made, taken over on a real PostgreSQL.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use object_store::memory::InMemory;
use ripcord_backup::sources::PostgresSource;
use ripcord_backup::test_util::MemorySource;
use ripcord_backup::{
    Encryption, Error, ErrorKind, Format, Freshness, GateAnswer, ImportOptions, Level, Manifest,
    Passphrase, Source as _, Vault,
};

use crate::pg::{Db, unique};

const ROWS: &str = "
CREATE TABLE public.orders (id int PRIMARY KEY, note text, total numeric(10,2));
INSERT INTO orders SELECT i, 'order \\ number ' || i || E'\\n\\\\unrestrict \\\\.', i FROM generate_series(1, 3000) i;
CREATE VIEW v AS SELECT count(*) FROM orders;
SELECT lo_from_bytea(4711, '\\x00ff');";

/// Runs a shell command with the database's variables and this input.
fn sh(db: &Db, script: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("sh")
        .args(["-c", script])
        .envs(db.conninfo.libpq_env())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{script}");
    output.stdout
}

struct Made {
    db: Db,
    source: PostgresSource,
    plain: Vec<u8>,
}

async fn made() -> Option<Made> {
    let db = Db::new(ROWS).await?;
    let source = db.source();
    let plain = sh(&db, "pg_dump", b"");
    Some(Made { db, source, plain })
}

impl Made {
    async fn import(&self, dump: &[u8], options: &ImportOptions) -> Result<Manifest, Error> {
        let vault = Vault::new(Arc::new(InMemory::new()), "");
        let imported = vault.import(&self.source, dump, options, &()).await;
        if imported.is_err() {
            assert_eq!(vault.list().await.unwrap(), [], "nothing is published");
        }
        imported
    }

    async fn refused(&self, dump: &[u8], options: &ImportOptions) -> (ErrorKind, String) {
        let error = self.import(dump, options).await.unwrap_err();
        (error.kind(), error.to_string())
    }
}

fn passphrase(text: &str) -> ImportOptions {
    let mut options = ImportOptions::default();
    options.passphrase = Some(Passphrase::new(text));
    options
}

#[tokio::test]
async fn a_dump_is_taken_over_and_restores_to_the_same() {
    let Some(made) = made().await else { return };
    let expected = made.source.fingerprint().await.unwrap();
    for (format, dump) in [
        (Format::PgPlain, made.plain.clone()),
        (Format::PgCustom, sh(&made.db, "pg_dump -Fc", b"")),
    ] {
        let vault = Vault::new(Arc::new(InMemory::new()), "");
        let mut options = ImportOptions::default();
        options.created = Some("2026-11-01T00:00:00Z".parse().unwrap());
        options.format = Some(format);
        let manifest = vault
            .import(&made.source, &dump[..], &options, &())
            .await
            .unwrap();
        assert_eq!(manifest.format, format);
        assert_eq!(manifest.verification.level, Level::Restored);
        let limited = manifest.verification.limited.as_deref().unwrap();
        assert!(limited.contains("imported"), "{limited}");
        assert_eq!(Some(manifest.created), options.created);
        assert!(
            manifest.server.tool.starts_with("pg_dump 1"),
            "{}",
            manifest.server.tool
        );
        assert!(
            manifest.server.version.starts_with('1'),
            "{}",
            manifest.server.version
        );
        assert_eq!(expected.diff(&manifest.fingerprint), []);

        // Later proofs stay below content too, and restores are compared.
        let again = vault
            .verify(&made.source, &manifest.id, Level::Content, &())
            .await
            .unwrap();
        assert_eq!(again.level, Level::Restored);
        let structure = vault
            .verify(&made.source, &manifest.id, Level::Structure, &())
            .await;
        assert_eq!(structure.unwrap().level, Level::Structure);
        let into = format!("{}_imported", made.db.name());
        let restored = vault
            .restore(&made.source, &manifest.id, &into, &())
            .await
            .unwrap();
        assert!(restored.report.is_some());
        let found = made.source.fingerprint_of(&into).await.unwrap();
        assert_eq!(expected.diff(&found), []);
        made.source.discard(&into).await.unwrap();

        let wanted = Freshness::new(
            std::time::Duration::from_secs(u32::MAX.into()),
            Level::Content,
        );
        let answer = vault.gate(&wanted).await;
        assert!(
            matches!(
                answer,
                GateAnswer::Unverified {
                    level: Level::Restored,
                    ..
                }
            ),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn layers_are_taken_off() {
    let Some(made) = made().await else { return };
    let expected = made.source.fingerprint().await.unwrap();
    let openssl = |options: &str| {
        format!("openssl enc -aes-256-cbc -pass pass:opensesame {options} 2>/dev/null")
    };
    let mut iterated = passphrase("opensesame");
    iterated.iterations = std::num::NonZeroU32::new(1234);
    for (script, options) in [
        ("gzip".to_owned(), ImportOptions::default()),
        // Two members, as of files that were joined.
        (
            "{ head -c 10000 | gzip; gzip; }".to_owned(),
            ImportOptions::default(),
        ),
        ("zstd -q".to_owned(), ImportOptions::default()),
        (
            "{ head -c 10000 | zstd -q; zstd -q; } | gzip".to_owned(),
            ImportOptions::default(),
        ),
        (
            format!("gzip | {}", openssl("-pbkdf2")),
            passphrase("opensesame"),
        ),
        (
            format!("zstd -q | {}", openssl("-pbkdf2 -iter 1234")),
            iterated,
        ),
        (
            format!("gzip | {}", openssl("-md sha256")),
            passphrase("opensesame"),
        ),
        (
            format!("gzip | {}", openssl("-md md5")),
            passphrase("opensesame"),
        ),
        (openssl("-pbkdf2"), passphrase("opensesame")),
        (
            format!("{} | gzip", openssl("-pbkdf2")),
            passphrase("opensesame"),
        ),
    ] {
        let dump = sh(&made.db, &script, &made.plain);
        let manifest = made.import(&dump, &options).await;
        let manifest = manifest.unwrap_or_else(|error| panic!("{script}: {error}"));
        assert_eq!(expected.diff(&manifest.fingerprint), [], "{script}");
    }
}

#[tokio::test]
async fn a_file_of_age_is_opened_with_the_vaults_key() {
    let Some(made) = made().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let keygen = Command::new("age-keygen")
        .arg("-o")
        .arg(&file)
        .stderr(Stdio::null())
        .status();
    assert!(keygen.unwrap().success());
    let identity = std::fs::read_to_string(&file).unwrap();
    let public = identity
        .lines()
        .find_map(|line| line.strip_prefix("# public key: "))
        .unwrap();
    let dump = sh(&made.db, &format!("gzip | age -r {public}"), &made.plain);
    let (kind, _) = made.refused(&dump, &ImportOptions::default()).await;
    assert_eq!(kind, ErrorKind::KeyMissing);
    let encryption = Encryption::to(vec![public.parse().unwrap()]).unwrap();
    let vault = Vault::new(Arc::new(InMemory::new()), "")
        .with_encryption(encryption.with_identities(&identity).unwrap());
    let manifest = vault
        .import(&made.source, &dump[..], &ImportOptions::default(), &())
        .await
        .unwrap();
    assert!(
        manifest.archive.file.ends_with(".pg.sql.zst.age"),
        "{}",
        manifest.archive.file
    );
    // Although there is a key, it is not more than it was.
    let again = vault
        .verify(&made.source, &manifest.id, Level::Content, &())
        .await
        .unwrap();
    assert_eq!(again.level, Level::Restored);
}

#[tokio::test]
async fn a_wrong_passphrase_is_one_clear_line() {
    let Some(made) = made().await else { return };
    let dump = sh(
        &made.db,
        "gzip | openssl enc -aes-256-cbc -pbkdf2 -pass pass:opensesame",
        &made.plain,
    );
    let (kind, text) = made.refused(&dump, &passphrase("hunter22")).await;
    assert_eq!(kind, ErrorKind::KeyMissing);
    assert_eq!(text, "read the dump: the passphrase does not open it");
    let (kind, text) = made.refused(&dump, &ImportOptions::default()).await;
    assert_eq!(kind, ErrorKind::KeyMissing);
    assert!(text.contains("no passphrase"), "{text}");
    let shown = format!("{:?}", passphrase("hunter22"));
    assert!(!shown.contains("hunter22"), "{shown}");
}

#[tokio::test]
async fn what_is_cut_off_is_corrupt_wherever_it_is() {
    let Some(made) = made().await else { return };
    let custom = sh(&made.db, "pg_dump -Fc", b"");
    let gzipped = sh(&made.db, "gzip", &made.plain);
    let zstd = sh(&made.db, "zstd -q", &made.plain);
    let openssl = "gzip | openssl enc -aes-256-cbc -pbkdf2 -pass pass:opensesame";
    let sealed = sh(&made.db, openssl, &made.plain);
    let options = passphrase("opensesame");
    for (name, whole) in [
        ("plain", &made.plain),
        ("gzip", &gzipped),
        ("zstd", &zstd),
        ("openssl", &sealed),
    ] {
        let cuts = [
            whole.len() / 3,
            whole.len() / 2,
            whole.len() * 9 / 10,
            whole.len() - 90,
        ];
        // At the border of a block, too.
        for cut in cuts.into_iter().chain([whole.len() / 2 / 16 * 16]) {
            let (kind, text) = made.refused(&whole[..cut], &options).await;
            assert_eq!(kind, ErrorKind::Corrupt, "{name} {cut}: {text}");
        }
    }
    for cut in [custom.len() / 2, custom.len() - 100] {
        let (kind, text) = made.refused(&custom[..cut], &options).await;
        assert!(
            matches!(kind, ErrorKind::ToolFailed | ErrorKind::Corrupt),
            "{cut}: {text}"
        );
    }
    let mut flipped = sealed;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert_eq!(made.refused(&flipped, &options).await.0, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_dump_runs_no_commands() {
    let Some(made) = made().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let proof = dir.path().join("it ran");
    let text = String::from_utf8(made.plain.clone()).unwrap();
    let own = text
        .lines()
        .find_map(|line| line.strip_prefix("\\restrict "))
        .unwrap();
    let touch = format!("touch '{}'", proof.display());
    let victim = unique("ripcord_backup_test_victim");
    made.db.sql(&format!("CREATE DATABASE {victim}")).await;
    for attack in [
        format!("\\! {touch}"),
        format!("\\o |{touch}"),
        format!("SELECT 1 \\g |{touch}"),
        format!("\\unrestrict `{touch}`"),
        format!("\\unrestrict {own}\n\\! {touch}"),
        format!("SELECT 1; \\unrestrict {own}\n\\! {touch}"),
        format!("COPY public.orders TO PROGRAM $$x$$ \\unrestrict {own}"),
        format!("\\connect {victim}\nCREATE TABLE stolen ();"),
    ] {
        let dump = text.replace(
            "SET statement_timeout = 0;",
            &format!("SET statement_timeout = 0;\n{attack}"),
        );
        assert_ne!(dump, text);
        let (kind, said) = made
            .refused(dump.as_bytes(), &ImportOptions::default())
            .await;
        assert!(
            matches!(kind, ErrorKind::ToolFailed | ErrorKind::InvalidInput),
            "{attack}: {said}"
        );
        assert!(!proof.exists(), "{attack}: {said}");
    }
    made.db.sql(&format!("DROP DATABASE {victim}")).await;

    let create = sh(&made.db, "pg_dump --create", b"");
    let error = made
        .import(&create, &ImportOptions::default())
        .await
        .unwrap_err();
    assert!(
        error.help().unwrap().contains("without --create"),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_no_dump_of_this_kind_is_refused() {
    let Some(made) = made().await else { return };
    let default = ImportOptions::default();
    let mut custom = ImportOptions::default();
    custom.format = Some(Format::PgCustom);
    let mysql =
        b"-- MySQL dump 10.13  Distrib 8.0.36\nCREATE TABLE t (a int);\n-- Dump completed on x\n";
    let cluster = sh(&made.db, "pg_dumpall --globals-only", b"");
    let tar = sh(&made.db, "pg_dump -Ft", b"");
    let utf16 = sh(&made.db, "iconv -f UTF-8 -t UTF-16", &made.plain);
    let bzip = b"BZh91AY&SY".to_vec();
    for (dump, options, what) in [
        (made.plain.clone(), &custom, "pg.sql and not pgdump"),
        (mysql.to_vec(), &default, "another kind of database"),
        (cluster, &default, "whole cluster"),
        (tar, &default, "tar"),
        (utf16, &default, "UTF-16"),
        (bzip, &default, "bzip2"),
        (b"SELECT 1;".to_vec(), &default, "neither a dump"),
    ] {
        let (kind, text) = made.refused(&dump, options).await;
        assert_eq!(kind, ErrorKind::InvalidInput, "{text}");
        assert!(text.contains(what), "{text}");
    }
    let (kind, text) = made.refused(b"", &default).await;
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::Corrupt, "read the dump: it is empty")
    );

    let memory = MemorySource::new("shop");
    let vault = Vault::new(Arc::new(InMemory::new()), "");
    let error = vault
        .import(&memory, &made.plain[..], &default, &())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_dump_that_fails_on_the_way_leaves_nothing() {
    let Some(made) = made().await else { return };
    let text = String::from_utf8(made.plain.clone()).unwrap();
    let dump = text.replace("CREATE VIEW public.v", "CREATE VIEW nowhere.v");
    let (kind, said) = made
        .refused(dump.as_bytes(), &ImportOptions::default())
        .await;
    assert_eq!(kind, ErrorKind::ToolFailed);
    assert!(said.contains("schema \"nowhere\" does not exist"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let owner = text.replace("OWNER TO ", "OWNER TO nobody_");
    let error = made
        .import(owner.as_bytes(), &ImportOptions::default())
        .await
        .unwrap_err();
    assert!(error.help().unwrap().contains("--no-owner"), "{error:?}");
}

#[tokio::test]
async fn a_statement_without_an_end_swallows_nothing() {
    let Some(made) = made().await else { return };
    let dump = |inside: &str| {
        let text = format!(
            "--\n-- PostgreSQL database dump\n--\n\n{inside}\n--\n-- PostgreSQL database dump complete\n--\n"
        );
        text.into_bytes()
    };
    let options = ImportOptions::default();
    // What psql would take for the rest of a text, and end well.
    for open in ["SELECT 'open", "CREATE TABLE t (a int", "DO $$ BEGIN"] {
        let (kind, said) = made.refused(&dump(open), &options).await;
        let told = matches!(kind, ErrorKind::Corrupt | ErrorKind::ToolFailed);
        assert!(told, "{open}: {kind:?} {said}");
    }
    let manifest = made
        .import(&dump("CREATE TABLE t (a int)"), &options)
        .await
        .unwrap();
    assert!(manifest.fingerprint.tables.contains_key("public.t"));
}
