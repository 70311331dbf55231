//! Where a scratch server cannot be, and what it cannot be made from: one line, and nothing left.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use super::Bench;
use super::traces::{assert_nothing_left, dump, rehearsals};
use crate::support::{Said, until};

const TABLES: &str = "[migrations]\nlayout = \"sqlx\"\n[rehearsal]\npg_stat_statements = false\n";
const BASE: &str = "CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL);
INSERT INTO orders SELECT g, 'item ' || g FROM generate_series(1, 50) g;\n";

fn bench() -> Option<Bench> {
    let bench = Bench::new(BASE, TABLES)?;
    let up = "ALTER TABLE orders ADD COLUMN note text;\n";
    bench.migration("v2", 2, up, Some("ALTER TABLE orders DROP COLUMN note;\n"));
    Some(bench)
}

const REHEARSE: [&str; 4] = ["--json", "migration", "rehearse", "v2"];

#[track_caller]
fn assert_refused(said: &Said, code: &str) -> String {
    assert_eq!(said.code, Some(3), "{said:?}");
    let json = said.json();
    assert_eq!(json["reason_code"], code, "{said:?}");
    let reason = json["reason"].as_str().unwrap().to_owned();
    assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}");
    assert!(!said.stderr.contains("panicked"), "{said:?}");
    reason
}

#[test]
fn a_backup_that_is_missing_old_or_broken() {
    let Some(bench) = bench() else { return };
    let before = dump(&bench.pg);
    let nothing_left = || {
        assert_eq!(dump(&bench.pg), before);
        assert_nothing_left(bench.folder(), &bench.folder().join("rehearsal"));
    };
    let reason = assert_refused(&bench.run(&REHEARSE), "backup_none");
    assert!(reason.contains("backup create"), "{reason}");
    nothing_left();

    bench.back_up();
    let young = "store = \"file://backups\"";
    let old = format!("{young}\nmax_age = \"1ms\"");
    bench.edit(|text| text.replace(young, &old));
    assert_refused(&bench.run(&REHEARSE), "backup_stale");
    nothing_left();

    bench.edit(|text| text.replace(&old, young));
    let archive = archive(&bench.folder().join("backups"));
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let reason = assert_refused(&bench.run(&REHEARSE), "rehearsal_impossible");
    assert!(reason.contains("cannot restore backup"), "{reason}");
    nothing_left();

    fs::remove_file(&archive).unwrap();
    assert_refused(&bench.run(&REHEARSE), "backup_failed_verification");
    nothing_left();
}

/// The file with the data of the only backup.
fn archive(folder: &Path) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false if name.contains(".zst") => return entry.path(),
                false => {}
            }
        }
    }
    panic!("there is no archive");
}

fn in_folder(bench: &Bench, folder: &Path) {
    let line = format!("[rehearsal]\nfolder = {folder:?}");
    bench.edit(|text| text.replace("[rehearsal]", &line));
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "tests find out at run time what is there"
)]
fn a_disk_without_room() {
    let Ok(disk) = std::env::var("RIPCORD_TEST_SMALL_DISK") else {
        let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
        assert!(!required, "RIPCORD_TEST_SMALL_DISK is required");
        eprintln!("SKIPPED: RIPCORD_TEST_SMALL_DISK is not set");
        return;
    };
    let Some(bench) = bench() else { return };
    bench.back_up();
    // The server's account may not pass through the disk's own folder, and then it would be somewhere else.
    let there = fs::metadata(&disk).unwrap().permissions();
    fs::set_permissions(&disk, fs::Permissions::from_mode(0o755)).unwrap();
    let folder = Path::new(&disk).join("rehearsal");
    in_folder(&bench, &folder);
    let said = bench.call(&REHEARSE).env("TMPDIR", &disk).run();
    fs::set_permissions(&disk, there).unwrap();
    let reason = assert_refused(&said, "rehearsal_no_room");
    assert!(reason.contains("rehearsal.folder"), "{reason}");
    assert_nothing_left(bench.folder(), &folder);
}

#[test]
fn a_folder_behind_a_link() {
    let Some(bench) = bench() else { return };
    bench.back_up();
    let (real, link) = (bench.folder().join("real"), bench.folder().join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    in_folder(&bench, &link);
    let mut running = bench.call(&REHEARSE).start();
    until("its folder", || {
        assert!(!running.is_over(), "it ended without one");
        rehearsals(&real).pop()
    });
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_nothing_left(bench.folder(), &real);
}

/// Only root runs the server as another account.
#[test]
fn a_folder_that_the_servers_account_cannot_get_to() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can take its own folders away from another account");
        return;
    }
    let Some(bench) = bench() else { return };
    bench.back_up();
    let (closed, link) = (bench.folder().join("closed"), bench.folder().join("link"));
    fs::create_dir_all(closed.join("inner")).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    // What the link's own path does not show.
    symlink(closed.join("inner"), &link).unwrap();
    in_folder(&bench, &link);
    let shared = bench.folder().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
    let other = shared.join("ripcord");
    let call = || bench.call(&REHEARSE).env("TMPDIR", &shared);
    let mut running = call().start();
    until("a folder elsewhere", || {
        assert!(!running.is_over(), "it ended without one");
        rehearsals(&other).pop()
    });
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_nothing_left(bench.folder(), &other);

    // Where everybody may make folders, somebody else was first.
    chown(&other, Some(65_534), None).unwrap();
    let reason = assert_refused(&call().run(), "rehearsal_impossible");
    assert!(reason.contains("belongs to another account"), "{reason}");
    assert_nothing_left(bench.folder(), &other);
    fs::remove_dir(&other).unwrap();
    symlink(closed.join("inner"), &other).unwrap();
    let reason = assert_refused(&call().run(), "rehearsal_impossible");
    assert!(reason.contains("belongs to another account"), "{reason}");
    assert_nothing_left(bench.folder(), &closed.join("inner"));
}

#[test]
fn a_folder_that_cannot_be_made() {
    let Some(bench) = bench() else { return };
    bench.back_up();
    let file = bench.folder().join("file");
    fs::write(&file, "").unwrap();
    in_folder(&bench, &file);
    let reason = assert_refused(&bench.run(&REHEARSE), "rehearsal_impossible");
    assert!(reason.contains("cannot make"), "{reason}");
}
