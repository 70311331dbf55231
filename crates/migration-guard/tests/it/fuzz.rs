//! Hostile files and folders: whatever is in them, the answer is a finding or an error, and it comes soon.
//!
//! Each of the two runs takes `RIPCORD_FUZZ_SECONDS`, 30 without it. Inputs are made by changing known ones, with a
//! seed that is printed when one fails; `RIPCORD_FUZZ_SEED` repeats it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests find out at run time how long they may take, and say what they did"
)]

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use ripcord_migration_guard::{
    Dialect, Layout, LintOptions, Runner, Script, Severity, Transactional, Unit, Workspace, assess,
    lint, render,
};

/// What no input of a few kilobytes may take, on a machine that does other things as well.
const HANG: Duration = Duration::from_secs(60);

const STATEMENTS: &[&str] = &[
    "ALTER TABLE orders ADD COLUMN note text NOT NULL DEFAULT 'x', DROP COLUMN old CASCADE;",
    "ALTER TABLE ONLY public.\"Orders\" ALTER COLUMN total TYPE numeric(12, 2) USING total::numeric;",
    "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a, b) REFERENCES u (a, b) ON DELETE CASCADE NOT VALID;",
    "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, v jsonb CHECK (v ? 'a')) PARTITION BY RANGE (id);",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t USING gin (lower(v) text_pattern_ops) INCLUDE (w) WHERE x;",
    "DO $body$ BEGIN IF EXISTS (SELECT 1 FROM t) THEN EXECUTE 'DROP TABLE t'; ELSE ALTER TABLE t ADD c int; END IF; END $body$;",
    "CREATE OR REPLACE FUNCTION f(a int DEFAULT 1) RETURNS SETOF t LANGUAGE plpgsql AS $$ DECLARE r t; BEGIN FOR r IN SELECT * FROM t LOOP RETURN NEXT r; END LOOP; EXCEPTION WHEN OTHERS THEN RAISE; END $$;",
    "WITH d AS (DELETE FROM t WHERE a RETURNING *) INSERT INTO u SELECT * FROM d ON CONFLICT (id) DO UPDATE SET v = excluded.v;",
    "UPDATE t SET (a, b) = (SELECT 1, 2) FROM u WHERE t.id = u.id;",
    "BEGIN; SET LOCAL lock_timeout = '2s'; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; COMMIT;",
    "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'ok' BEFORE 'sad'; ALTER DOMAIN d ADD CHECK (VALUE > 0);",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY m; REINDEX (CONCURRENTLY) TABLE t; VACUUM (FULL, ANALYZE) t;",
    "COPY t (a, b) FROM stdin; MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE;",
    "CREATE TRIGGER g AFTER INSERT ON t REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION f();",
    "-- ripcord:allow drop-table until 2027-01-31 moved\nDROP TABLE IF EXISTS a, b.c CASCADE;",
    "ALTER TABLE `t` MODIFY COLUMN `a` varchar(20) CHARACTER SET utf8mb4 NOT NULL AFTER `b`, ALGORITHM=INPLACE, LOCK=NONE;",
    "CREATE TABLE `t` (`id` int unsigned NOT NULL AUTO_INCREMENT, KEY `k` (`id`)) ENGINE=InnoDB /*!50100 PARTITION BY HASH (id) */;",
    "DELIMITER //\nCREATE PROCEDURE p() BEGIN DELETE FROM t; END //\nDELIMITER ;",
    "RENAME TABLE a TO b; ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4, DROP PRIMARY KEY, ADD FULLTEXT INDEX f (a);",
    "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose StatementEnd\n-- +goose Down\nSELECT 2;",
    "-- migrate:up transaction:false\nSELECT 1;\n-- migrate:down\nSELECT 2;",
];

const PIECES: &[&str] = &[
    "'",
    "''",
    "\"",
    "`",
    "$$",
    "$a$",
    "E'\\",
    "U&'\\0041'",
    "--",
    "/*",
    "*/",
    "/*!50000",
    "#",
    ";",
    "(",
    ")",
    "[",
    "]",
    ",",
    "::",
    ".",
    "=",
    "\0",
    "\r\n",
    "\u{feff}",
    "é",
    "\u{202e}",
    "\t",
    "1e999",
    "99999999999999999999",
    "NULL",
    "BEGIN",
    "END",
    "CASE",
    "CONCURRENTLY",
    "CASCADE",
    "IF EXISTS",
    "ONLY",
    "NOT VALID",
    "USING",
    "DEFAULT",
    "ALTER TABLE",
    "DROP",
    "SELECT",
    "\\.",
    "\\connect x",
    ":var",
    "{{ x }}",
    "${x}",
    "DELIMITER",
    "LANGUAGE plpgsql",
    "AS $$",
    "EXECUTE format('%I', x)",
];

const NAMES: &[&str] = &[
    "1_a.sql",
    "1_a.up.sql",
    "1_a.down.sql",
    "V1__a.sql",
    "V1.2__b.sql",
    "U1__a.sql",
    "R__view.sql",
    "V1__a.sql.conf",
    "20260101000000_a",
    "20260101000000_a.sql",
    "up.sql",
    "down.sql",
    "metadata.toml",
    "migration.sql",
    "migration_lock.toml",
    "diesel.toml",
    "flyway.conf",
    "99999999999999999999_a.sql",
    "-1_a.sql",
    "01_a.sql",
    "1_.sql",
    "_.sql",
    "a.sql",
    "U1.sql",
    "00001_x.sql",
    "V__.sql",
    "V1_1__c.sql",
    ".sql",
    "1_a.SQL",
    "1__a.up.sql.bak",
    "atlas.sum",
];

/// Each input is made from its own seed, so one that fails can be made again.
fn run(name: &str, once: impl Fn(&mut StdRng) + Send + Sync + Clone + 'static) {
    let read = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seconds = Duration::from_secs(read("RIPCORD_FUZZ_SECONDS").unwrap_or(30));
    let repeat = read("RIPCORD_FUZZ_SEED");
    let first = repeat.unwrap_or_else(rand::random);
    let begun = Instant::now();
    let mut inputs = 0_u64;
    while begun.elapsed() < seconds {
        let seed = first.wrapping_add(inputs);
        let (said, hear) = channel();
        let once = once.clone();
        let at_work = std::thread::spawn(move || {
            // Several for each thread, which costs more than most inputs do.
            for offset in 0..64 {
                let at = seed.wrapping_add(offset);
                said.send(at).unwrap();
                once(&mut StdRng::seed_from_u64(at));
                if repeat.is_some() {
                    break;
                }
            }
        });
        let mut last = seed;
        loop {
            match hear.recv_timeout(HANG) {
                Ok(at) => last = at,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{name} hangs: RIPCORD_FUZZ_SEED={last}")
                }
            }
        }
        assert!(
            at_work.join().is_ok(),
            "{name} panics: RIPCORD_FUZZ_SEED={last}"
        );
        inputs += 64;
        if repeat.is_some() {
            break;
        }
    }
    println!("{name}: {inputs} inputs in {} s", begun.elapsed().as_secs());
}

fn text(rng: &mut StdRng) -> String {
    let count = rng.random_range(1..6);
    let mut bytes: Vec<u8> = (0..count)
        .flat_map(|_| STATEMENTS.choose(rng).unwrap().bytes().chain([b'\n']))
        .collect();
    for _ in 0..rng.random_range(0..12) {
        let at = rng.random_range(0..=bytes.len());
        let until = rng.random_range(at..=bytes.len().min(at + 40));
        let piece = PIECES.choose(rng).unwrap().as_bytes();
        match rng.random_range(0..7) {
            0 => drop(bytes.drain(at..until)),
            1 => drop(bytes.splice(at..at, piece.iter().copied())),
            2 => drop(bytes.splice(at..until, piece.iter().copied())),
            3 => {
                let copied = bytes[at..until].to_vec();
                let to = rng.random_range(0..=bytes.len());
                drop(bytes.splice(to..to, copied));
            }
            4 => drop(bytes.splice(at..at, piece.repeat(rng.random_range(1..300)))),
            5 => bytes.truncate(at.max(1)),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_text_ends_the_linter() {
    run("lint", |rng| {
        let mut options = LintOptions::default();
        if rng.random() {
            options.dialect = Dialect::MySql;
        }
        if rng.random() {
            options.runner = Runner::Unknown;
        }
        options.postgres_version = rng.random_range(9..20);
        let chain: Vec<Unit> = (0..rng.random_range(1..4))
            .filter_map(|n| {
                let path = format!("{n}.sql");
                let script =
                    Script::parse_as(Path::new(&path), &text(rng), options.dialect).ok()?;
                Some(Unit {
                    script,
                    transaction: if rng.random() {
                        Transactional::Yes
                    } else {
                        Transactional::No
                    },
                })
            })
            .collect();
        let found = lint(&chain, &options).unwrap();
        let scripts: Vec<&Script> = chain.iter().map(|unit| &unit.script).collect();
        let shown = render(&found, &scripts, Severity::Info);
        assert!(shown.contains("statements analysed"));
        for finding in &found.findings {
            let text = scripts
                .iter()
                .find(|s| s.path() == finding.file)
                .unwrap()
                .text();
            let lines = text.split('\n').count();
            assert!(
                (1..=lines).contains(&(finding.line as usize)),
                "{finding:?}"
            );
        }
    });
}

#[test]
fn no_folder_ends_discovery() {
    run("layouts", |rng| {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..rng.random_range(0..8) {
            let mut name = NAMES.choose(rng).unwrap().as_bytes().to_vec();
            if rng.random_bool(0.2) {
                let at = rng.random_range(0..name.len());
                name[at] = rng.random();
                name.retain(|byte| !b"/\0".contains(byte));
            }
            let name = std::ffi::OsStr::from_bytes(&name);
            if matches!(name.as_bytes(), b"" | b"." | b"..") {
                continue;
            }
            let file = folder.path().join(name);
            // A name may be taken already; then it stays as it is.
            drop(match rng.random_range(0..8) {
                0 => std::fs::create_dir(&file),
                1 => std::os::unix::fs::symlink(NAMES.choose(rng).unwrap(), &file),
                2 => std::fs::create_dir_all(&file).and_then(|()| {
                    std::fs::write(file.join(NAMES.choose(rng).unwrap()), text(rng))
                }),
                3 => std::fs::write(&file, [0xff, 0xfe, b'S', 0]),
                _ => std::fs::write(&file, text(rng)),
            });
        }
        let workspace = Workspace::new(folder.path());
        for layout in Layout::ALL {
            if let Ok(migrations) = layout.read(&workspace) {
                // What does not parse is an error of the file.
                drop(assess(&migrations));
            }
        }
        drop(Layout::detect(folder.path()));
    });
}
