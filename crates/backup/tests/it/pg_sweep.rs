//! Damage, kills and full disks, swept over whole backups of a real database. `RIPCORD_SAMPLE=seed:count` takes a
//! sample of each sweep; without it they are run whole.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time what is there, and say what they did"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use ripcord_backup::sources::{PostgresOptions, PostgresSource};
use ripcord_backup::{
    BackupId, CreateOptions, ErrorKind, Freshness, Level, Progress, Source as _, Stage, Vault,
    stores,
};
use ripcord_conninfo::{Conninfo, System};

use crate::pg::{Db, password_of, unique};

/// Rows that do not compress, so that an archive has many pieces of 64 KiB.
const ROWS: &str = "
CREATE TABLE orders (id int PRIMARY KEY, note text NOT NULL, raw bytea);
INSERT INTO orders SELECT i, md5(i::text) || md5((i + 7)::text), decode(md5((i * 3)::text), 'hex')
    FROM generate_series(1, 24000) i;
CREATE TABLE customers (id int PRIMARY KEY, doc jsonb);
INSERT INTO customers SELECT i, jsonb_build_object('n', md5(i::text)) FROM generate_series(1, 2000) i";

/// A seeded sample of these, or all.
pub(crate) fn sample<T: Clone>(all: Vec<T>, at_most: usize) -> Vec<T> {
    let Ok(text) = std::env::var("RIPCORD_SAMPLE") else {
        return all;
    };
    let seed: u64 = text.split(':').next().unwrap().parse().unwrap();
    let mut rng = StdRng::seed_from_u64(seed);
    all.sample(&mut rng, at_most).cloned().collect()
}

fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => {
                    let name = path.strip_prefix(folder).unwrap();
                    found.insert(name.display().to_string());
                }
            }
        }
    }
    found
}

/// Databases that are there because of these backups.
async fn scratch(db: &Db, ids: &BTreeSet<String>) -> Vec<String> {
    let sql = "SELECT datname::text, shobj_description(oid, 'pg_database') FROM pg_database
               WHERE shobj_description(oid, 'pg_database') LIKE 'ripcord: %'";
    let rows = db.admin().await.query(sql, &[]).await.unwrap();
    rows.iter()
        .filter(|row| ids.iter().any(|id| row.get::<_, &str>(1).contains(id)))
        .map(|row| row.get(0))
        .collect()
}

/// The backups that there is something of.
fn ids(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "scratch")
        .collect()
}

/// One change to one file.
#[derive(Clone, Debug)]
enum Damage {
    Cut(PathBuf, u64),
    Flip(PathBuf, u64, u8),
}

impl Damage {
    fn file(&self) -> &Path {
        match self {
            Damage::Cut(file, _) | Damage::Flip(file, ..) => file,
        }
    }

    fn make(&self, whole: &[u8]) {
        let mut bytes = whole.to_vec();
        match self {
            Damage::Cut(_, at) => bytes.truncate(usize::try_from(*at).unwrap()),
            Damage::Flip(_, at, bit) => bytes[usize::try_from(*at).unwrap()] ^= 1 << bit,
        }
        std::fs::write(self.file(), bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_damage_is_missed() {
    let Some(db) = Db::new(ROWS).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::new(stores::folder(folder.path()).unwrap(), "");
    let source = db.source();
    let manifest = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    // Or both archives may have the very same bytes, when they are made in one second.
    db.sql("INSERT INTO customers VALUES (0, '{}')").await;
    let other = vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let live = source.fingerprint().await.unwrap();
    let home = |id: &BackupId| folder.path().join(id.as_str());
    let archive = home(&manifest.id).join(&manifest.archive.file);
    let mut damages: Vec<Damage> = (0..manifest.archive.bytes)
        .step_by(64 * 1024)
        .map(|at| Damage::Cut(archive.clone(), at))
        .collect();
    assert!(damages.len() > 8, "{} pieces", damages.len());
    let mut rng = StdRng::seed_from_u64(20_261_121);
    for _ in 0..200 {
        let at = rng.random_range(0..manifest.archive.bytes);
        damages.push(Damage::Cut(archive.clone(), at));
    }
    let flippable = [
        "manifest.json",
        "SHA256SUMS",
        &manifest.archive.file,
        "settings.sql",
        "restore.sh",
    ];
    for n in 0..1000 {
        // Each file as often, although the archive is so much larger.
        let file = home(&manifest.id).join(flippable[n % flippable.len()]);
        let length = std::fs::metadata(&file).unwrap().len();
        let at = rng.random_range(0..length);
        damages.push(Damage::Flip(file, at, rng.random_range(0..8)));
    }
    let damages = sample(damages, 150);
    let (mut seen, into) = (0, unique("ripcord_backup_damaged"));
    for (n, damage) in damages.iter().enumerate() {
        let whole = std::fs::read(damage.file()).unwrap();
        damage.make(&whole);
        // To restore it each time takes long; the cheaper levels have to see all of it too.
        let level = match n % 10 {
            0 => Level::Content,
            n if n % 2 == 0 => Level::Stored,
            _ => Level::Structure,
        };
        let error = vault
            .verify(&source, &manifest.id, level, &())
            .await
            .expect_err(&format!("{damage:?} at {level}"));
        let damaged = matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NewerSchema);
        assert!(damaged, "{damage:?}: {error}");
        // The small files beside it do not matter to us, but to who restores without us.
        let ours = flippable[..3]
            .iter()
            .any(|name| damage.file().ends_with(name));
        if n % 10 == 0 && ours {
            vault
                .restore(&source, &manifest.id, &into, &())
                .await
                .expect_err(&format!("{damage:?}"));
            assert_eq!(source.find(&into).await.unwrap(), None, "{damage:?}");
        }
        std::fs::write(damage.file(), whole).unwrap();
        let evidence = home(&manifest.id).join("evidence.json");
        if evidence.exists() {
            std::fs::remove_file(evidence).unwrap();
        }
        seen += 1;
    }
    // Parts of two good backups.
    for part in ["manifest.json", "SHA256SUMS", &manifest.archive.file] {
        let (mine, theirs) = (home(&manifest.id).join(part), home(&other.id).join(part));
        let whole = std::fs::read(&mine).unwrap();
        std::fs::copy(theirs, &mine).unwrap();
        let error = vault
            .verify(&source, &manifest.id, Level::Stored, &())
            .await
            .expect_err(part);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{part}: {error}");
        std::fs::write(&mine, whole).unwrap();
        seen += 1;
    }
    drop(std::fs::remove_file(
        home(&manifest.id).join("evidence.json"),
    ));
    vault
        .verify(&source, &manifest.id, Level::Content, &())
        .await
        .unwrap();
    assert_eq!(source.fingerprint().await.unwrap(), live);
    let ids = ids(folder.path());
    assert_eq!(scratch(&db, &ids).await, Vec::<String>::new());
    println!("{seen} damages, each seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_backups_beside_a_writer() {
    let Some(db) = Db::new(
        "CREATE TABLE t (id bigserial PRIMARY KEY, a text, n int NOT NULL DEFAULT 0);
         INSERT INTO t (a) SELECT repeat(md5(i::text), 5) FROM generate_series(1, 20000) i",
    )
    .await
    else {
        return;
    };
    let stop = AtomicBool::new(false);
    let client = db.client().await;
    let writer = async {
        let mut written = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            let sql = "INSERT INTO t (a) VALUES ('new'); \
                       UPDATE t SET n = n + 1 WHERE id % 1000 = (random() * 1000)::int; \
                       DELETE FROM t WHERE id = (SELECT min(id) FROM t)";
            client.batch_execute(sql).await.unwrap();
            written += 1;
        }
        written
    };
    let source = db.source();
    let vault = crate::pg_backup::vault();
    let backups = async {
        let mut contents = BTreeSet::new();
        for n in 0..20 {
            let manifest = vault
                .create(&source, &CreateOptions::default(), &())
                .await
                .unwrap_or_else(|error| panic!("backup {n}: {error}"));
            assert_eq!(manifest.verification.level, Level::Content);
            contents.insert(manifest.fingerprint.content_digest());
        }
        stop.store(true, Ordering::Relaxed);
        contents
    };
    let (contents, written) = tokio::join!(backups, writer);
    // All of them differ, so the writer was at work between and during them.
    assert_eq!(contents.len(), 20, "after {written} writes");
    println!("20 backups at content beside {written} writes");
}

/// Where a child ends itself: as the n-th thing that its progress shows.
const CHILD: &str = "RIPCORD_TEST_KILLED_CREATE";

/// Counts what happens, and ends the process with SIGKILL when it is time.
#[derive(Debug)]
struct Fatal {
    left: AtomicU64,
}

impl Fatal {
    fn happens(&self, what: &str) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            println!("\nkilled at {what}");
            let pid = std::process::id().to_string();
            let killed = Command::new("kill").args(["-KILL", &pid]).status();
            panic!("still alive: {killed:?}");
        }
    }
}

impl Progress for Fatal {
    fn stage(&self, _: &BackupId, stage: Stage) {
        self.happens(&format!("{stage:?}"));
    }

    fn bytes(&self, _: u64) {
        self.happens("bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "is run by another test, in a process of its own"]
async fn child() {
    let Ok(said) = std::env::var(CHILD) else {
        return;
    };
    let [url, folder, at]: [&str; 3] = said.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let vault = Vault::new(stores::folder(Path::new(folder)).unwrap(), "");
    let conninfo = Conninfo::parse(url, &System).unwrap();
    let source = PostgresSource::new(conninfo, PostgresOptions::default());
    let fatal = Fatal {
        left: AtomicU64::new(at.parse().unwrap()),
    };
    vault
        .create(&source, &CreateOptions::default(), &fatal)
        .await
        .unwrap();
    println!("\nnot killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_transition_it_leaves_nothing() {
    let Some(db) = Db::new(ROWS).await else {
        return;
    };
    let source = db.source();
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::new(stores::folder(folder.path()).unwrap(), "");
    let role = db.conninfo.user().to_owned();
    let url = format!("{}{}", db.text_as(&role), password_of(&db.conninfo));
    let run = |at: u64| {
        let said = format!("{url}\n{}\n{at}", folder.path().display());
        let output = Command::new("/proc/self/exe")
            .args(["--exact", "pg_sweep::child", "--ignored", "--nocapture"])
            .env(CHILD, said)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let last = text.lines().rfind(|line| line.contains("killed"));
        last.map(str::to_owned)
            .unwrap_or_else(|| panic!("the child said {text}"))
    };
    // How many transitions there are.
    let mut all = 8;
    while run(all) != "not killed" {
        all *= 2;
    }
    let points = sample((0..all).collect(), 12);
    let (mut told, mut killed) = (BTreeSet::new(), 0);
    // The first few are there in each sample: with them pg_dump is still at work.
    for at in (0..4).chain(points) {
        let ended = run(at);
        if ended == "not killed" {
            continue;
        }
        let begun = ids(folder.path());
        for entry in vault.list().await.unwrap() {
            vault
                .verify(&source, &entry.id, Level::Content, &())
                .await
                .unwrap_or_else(|error| panic!("{ended} ({at}): {error}"));
        }
        let manifest = vault
            .create(&source, &CreateOptions::default(), &())
            .await
            .unwrap_or_else(|error| panic!("after {ended} ({at}): {error}"));
        let published: BTreeSet<String> = vault
            .list()
            .await
            .unwrap()
            .iter()
            .map(|entry| entry.id.to_string())
            .collect();
        assert!(published.contains(manifest.id.as_str()));
        for file in files(folder.path()) {
            let (id, name) = file.split_once('/').unwrap_or(("", &file));
            assert!(published.contains(id), "{file} is left after {ended}");
            assert_ne!(name, "RESERVED", "{file} is left after {ended}");
        }
        assert_eq!(
            scratch(&db, &begun).await,
            Vec::<String>::new(),
            "after {ended}"
        );
        told.insert(ended);
        killed += 1;
        // Or the next one would verify it once more, and the one after that two.
        for id in published {
            std::fs::remove_dir_all(folder.path().join(id)).unwrap();
        }
    }
    let told: Vec<&str> = told
        .iter()
        .map(|t| t.trim_start_matches("killed at "))
        .collect();
    for stage in ["Reserved", "Dumping", "bytes"] {
        assert!(told.contains(&stage), "{told:?}");
    }
    println!(
        "killed at {} points ({}): nothing is left",
        killed,
        told.join(", ")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_at_any_write() {
    let Ok(disk) = std::env::var("RIPCORD_TEST_SMALL_DISK") else {
        let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
        assert!(!required, "RIPCORD_TEST_SMALL_DISK is required");
        println!("SKIPPED: RIPCORD_TEST_SMALL_DISK is not set");
        return;
    };
    let Some(db) = Db::new(ROWS).await else {
        return;
    };
    let source = db.source();
    let disk = PathBuf::from(disk);
    let ballast = disk.join("ballast");
    drop(std::fs::remove_file(&ballast));
    let folder = disk.join("store");
    let store = stores::folder(&folder).unwrap();
    // As a bare object store, which does not tell beforehand that there is no room.
    let vault = Vault::new(std::sync::Arc::clone(&store), "");
    let mut options = CreateOptions::default();
    options.level = Level::Stored;
    vault.create(&source, &options, &()).await.unwrap();
    let needed = files(&folder)
        .iter()
        .map(|file| {
            std::fs::metadata(folder.join(file))
                .unwrap()
                .len()
                .div_ceil(4096)
                * 4096
        })
        .sum::<u64>();
    // Coarsely through the archive, and page by page through the small files after it.
    let coarse = (0..needed).step_by(128 * 1024);
    let fine = (needed.saturating_sub(96 * 1024)..needed + 32 * 1024).step_by(4096);
    let rooms = sample(coarse.chain(fine).collect(), 24);
    let (mut full, mut fitted) = (0, 0);
    for room in rooms {
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        let free = free_bytes(&disk);
        fill(&ballast, free.saturating_sub(room));
        let result = vault.create(&source, &options, &()).await;
        std::fs::remove_file(&ballast).unwrap();
        match result {
            Ok(manifest) => {
                vault
                    .verify(&source, &manifest.id, Level::Stored, &())
                    .await
                    .unwrap();
                fitted += 1;
            }
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::NoSpace | ErrorKind::Store),
                    "{room}: {error}"
                );
                assert_eq!(vault.list().await.unwrap(), [], "{room}: {error}");
                full += 1;
            }
        }
        let before: Vec<_> = vault.list().await.unwrap();
        let manifest = vault.create(&source, &options, &()).await.unwrap();
        let mut known: BTreeSet<String> = before.iter().map(|e| e.id.to_string()).collect();
        known.insert(manifest.id.to_string());
        for file in files(&folder) {
            let id = file.split('/').next().unwrap();
            assert!(known.contains(id), "{file} is left with room for {room}");
        }
        let wanted = Freshness::new(std::time::Duration::from_secs(3600), Level::Stored);
        assert!(vault.gate(&wanted).await.allows());
    }
    fill(&ballast, free_bytes(&disk).saturating_sub(64 * 1024));
    let error = Vault::new(store, "")
        .create(&source, &options, &())
        .await
        .unwrap_err();
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert!(error.to_string().contains("last backup shows"), "{error}");
    assert!(full > 5, "only {full} did not fit, {fitted} did");
    println!("{full} ran out of space and left nothing, {fitted} fitted");
}

fn free_bytes(folder: &Path) -> u64 {
    let output = Command::new("df")
        .args(["--output=avail", "-B1", &folder.display().to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().nth(1).unwrap().trim().parse().unwrap()
}

fn fill(file: &Path, bytes: u64) {
    std::fs::write(file, vec![1; usize::try_from(bytes).unwrap()]).unwrap();
}
