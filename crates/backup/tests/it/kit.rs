//! What lies beside each archive restores it where nothing of ours is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ripcord_backup::sources::{FolderOptions, FolderSource};
use ripcord_backup::{
    CreateOptions, Encryption, ImportOptions, Manifest, Source as _, Vault, stores,
};

use crate::pg::{Db, unique};

const ROWS: &str = "
CREATE TABLE t (id int PRIMARY KEY, note text);
INSERT INTO t SELECT i, 'note ' || i FROM generate_series(1, 2000) i;
CREATE INDEX ON t (note)";

/// A store on disk, and where to find what is in it.
struct Kit {
    dir: tempfile::TempDir,
    vault: Vault,
}

impl Kit {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::new(
            stores::folder(&dir.path().join("it's a \"store\"")).unwrap(),
            "",
        );
        Self { dir, vault }
    }

    /// Encrypts to a new key; with its file.
    fn sealed() -> (Self, PathBuf) {
        let mut kit = Self::new();
        let (file, public) = kit.key("my key");
        let encryption = Encryption::to(vec![public.parse().unwrap()]).unwrap();
        kit.vault = kit.vault.with_encryption(encryption);
        (kit, file)
    }

    fn key(&self, name: &str) -> (PathBuf, String) {
        let file = self.dir.path().join(name);
        let made = Command::new("age-keygen")
            .arg("-o")
            .arg(&file)
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        let text = fs::read_to_string(&file).unwrap();
        let public = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "));
        (file, public.unwrap().to_owned())
    }

    fn folder(&self, manifest: &Manifest) -> PathBuf {
        self.dir
            .path()
            .join("it's a \"store\"")
            .join(manifest.id.as_str())
    }

    /// Runs the script with nothing in its environment but what it says it needs.
    fn restore(&self, manifest: &Manifest, target: &str, env: &[(&str, String)]) -> Output {
        let script = self.folder(manifest).join("restore.sh");
        let bin = "/usr/bin:/bin:/usr/lib/postgresql/15/bin";
        Command::new("sh")
            .arg(script)
            .arg(target)
            .env_clear()
            .env("PATH", bin)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn server(db: &Db) -> Vec<(&'static str, String)> {
    let mut env = db.conninfo.libpq_env();
    env.retain(|(name, value)| {
        matches!(
            *name,
            "PGHOST" | "PGHOSTADDR" | "PGPORT" | "PGUSER" | "PGPASSWORD" | "PGPASSFILE"
        ) && value != "/dev/null"
    });
    env
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The last line is about the whole, and it is not a success.
fn failed(output: &Output, line: &str) {
    let said = said(output);
    assert!(!output.status.success(), "{said}");
    assert!(said.lines().any(|found| found.contains(line)), "{said}");
    let last = said.lines().last().unwrap();
    assert!(
        last.starts_with("restore.sh: ") || last.starts_with("usage: "),
        "{said}"
    );
    assert!(
        output.stdout.is_empty()
            || !String::from_utf8_lossy(&output.stdout).contains("restored into")
    );
}

async fn restores(kit: &Kit, db: &Db, manifest: &Manifest, env: &[(&str, String)]) {
    let mut all = server(db);
    all.extend_from_slice(env);
    // Like a connection string, and otherwise awkward.
    let target = format!("{}=x it's \"a\" ünï\\ñ", db.name());
    let output = kit.restore(manifest, &target, &all);
    assert!(output.status.success(), "{}", said(&output));
    let found = db.source().fingerprint_of(&target).await.unwrap();
    assert_eq!(manifest.fingerprint.diff(&found), []);
    assert!(!found.tables.is_empty());

    let again = kit.restore(manifest, &target, &all);
    failed(&again, "already exists");
    failed(&again, "nothing was made");
    failed(&kit.restore(manifest, "", &all), "usage: ");

    let archive = kit.folder(manifest).join(&manifest.archive.file);
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() - 10]).unwrap();
    let other = format!("{}_cut", db.name());
    failed(&kit.restore(manifest, &other, &all), "FAILED");
    assert_eq!(db.databases(&other).await, Vec::<String>::new());
    fs::write(&archive, whole).unwrap();
}

#[tokio::test]
async fn a_database_restores_without_us() {
    let Some(db) = Db::new(ROWS).await else {
        return;
    };
    let kit = Kit::new();
    let manifest = kit
        .vault
        .create(&db.source(), &CreateOptions::default(), &())
        .await
        .unwrap();
    restores(&kit, &db, &manifest, &[]).await;
    shellcheck(&kit.folder(&manifest).join("restore.sh"));
    let text = fs::read_to_string(kit.folder(&manifest).join("RESTORE.md")).unwrap();
    assert!(text.contains("sh restore.sh NEW_DATABASE"), "{text}");
    assert!(text.contains(&manifest.archive.file), "{text}");
}

#[tokio::test]
async fn an_encrypted_database_restores_without_us() {
    let Some(db) = Db::new(ROWS).await else {
        return;
    };
    let (kit, key) = Kit::sealed();
    let manifest = kit
        .vault
        .create(&db.source(), &CreateOptions::default(), &())
        .await
        .unwrap();
    let identity = |path: &Path| vec![("IDENTITY", path.to_str().unwrap().to_owned())];
    restores(&kit, &db, &manifest, &identity(&key)).await;
    // A path that is relative to where the script is called.
    let mut all = server(&db);
    all.push(("IDENTITY", "my key".to_owned()));
    let target = format!("{}_relative", db.name());
    let output = kit.restore(&manifest, &target, &all);
    assert!(output.status.success(), "{}", said(&output));

    let target = format!("{}_refused", db.name());
    all.pop();
    let none = kit.restore(&manifest, &target, &all);
    assert!(!none.status.success());
    assert!(
        said(&none).contains("IDENTITY: must name the identity file"),
        "{}",
        said(&none)
    );
    let (wrong, _) = kit.key("another key");
    all.extend(identity(&wrong));
    let output = kit.restore(&manifest, &target, &all);
    failed(&output, "another key does not open archive");
    failed(&output, "nothing was made");
    assert_eq!(db.databases(&target).await, Vec::<String>::new());
    shellcheck(&kit.folder(&manifest).join("restore.sh"));
}

#[tokio::test]
async fn an_imported_dump_restores_without_us() {
    let Some(db) = Db::new(ROWS).await else {
        return;
    };
    let dump = Command::new("pg_dump")
        .envs(db.conninfo.libpq_env())
        .output()
        .unwrap();
    let (kit, key) = Kit::sealed();
    let options = ImportOptions::default();
    let manifest = kit
        .vault
        .import(&db.source(), &dump.stdout[..], &options, &())
        .await
        .unwrap();
    let identity = vec![("IDENTITY", key.to_str().unwrap().to_owned())];
    restores(&kit, &db, &manifest, &identity).await;
    shellcheck(&kit.folder(&manifest).join("restore.sh"));
}

#[tokio::test]
async fn a_folder_restores_without_us() {
    let (kit, key) = Kit::sealed();
    let root = kit.dir.path().join("app it's");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("sub/file"), "content").unwrap();
    std::os::unix::fs::symlink("sub/file", root.join("link")).unwrap();
    let source = FolderSource::new(&root, FolderOptions::default()).unwrap();
    let manifest = kit
        .vault
        .create(&source, &CreateOptions::default(), &())
        .await
        .unwrap();
    let env = vec![("IDENTITY", key.to_str().unwrap().to_owned())];
    for target in [
        "a relative \"name\"",
        kit.dir.path().join("absolute").to_str().unwrap(),
    ] {
        let output = kit.restore(&manifest, target, &env);
        assert!(output.status.success(), "{}", said(&output));
        let path = kit.dir.path().join(target);
        let found = source.fingerprint_of(path.to_str().unwrap()).await.unwrap();
        assert_eq!(manifest.fingerprint.diff(&found), []);
        failed(&kit.restore(&manifest, target, &env), "File exists");
    }
    let (wrong, _) = kit.key("another key");
    let env = vec![("IDENTITY", wrong.to_str().unwrap().to_owned())];
    let name = unique("refused");
    failed(&kit.restore(&manifest, &name, &env), "does not open");
    assert!(!kit.dir.path().join(name).exists());
    shellcheck(&kit.folder(&manifest).join("restore.sh"));
}

/// What the pipe's first part loses does not pass for a whole restore.
#[tokio::test]
async fn a_decompressor_that_fails_late_is_noticed() {
    let Some(db) = Db::new(ROWS).await else {
        return;
    };
    let kit = Kit::new();
    let dump = Command::new("pg_dump")
        .envs(db.conninfo.libpq_env())
        .output()
        .unwrap();
    let options = ImportOptions::default();
    let manifest = kit
        .vault
        .import(&db.source(), &dump.stdout[..], &options, &())
        .await
        .unwrap();
    // Stands for a disk that cannot be read any more after the hash was checked.
    let bin = kit.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let fake = "#!/bin/sh\n/usr/bin/zstd \"$@\" | head -c 3000\nexit 1\n";
    fs::write(bin.join("zstd"), fake).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(bin.join("zstd"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut env = server(&db);
    let path = format!("{}:/usr/bin:/bin:/usr/lib/postgresql/15/bin", bin.display());
    env.push(("PATH", path));
    let output = kit.restore(&manifest, &format!("{}_late", db.name()), &env);
    failed(&output, "could not be read to its end");
    failed(&output, "is incomplete");
}

fn shellcheck(script: &Path) {
    let Ok(output) = Command::new("shellcheck")
        .args(["-s", "sh"])
        .arg(script)
        .output()
    else {
        // Not installed; what the script does is tested all the same.
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
