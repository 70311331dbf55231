//! Rehearsals that are cut off: production stays as it is, and what they leave is found.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::Bench;
use super::traces::{assert_nothing_left, at_work, dump, rehearsals};
use crate::support::{Pg, Running, Said, Site, records, until};

const BASE: &str = "CREATE TABLE orders (id int PRIMARY KEY, item text NOT NULL);
INSERT INTO orders SELECT g, 'item ' || g FROM generate_series(1, 500) g;\n";
/// Dropping the column takes away what only the new release wrote, so that it is exported and put back, too.
const UP: &str = "ALTER TABLE orders ADD COLUMN note text;
ALTER TABLE orders RENAME COLUMN item TO title;\n";
const DOWN: &str = "ALTER TABLE orders RENAME COLUMN title TO item;
ALTER TABLE orders DROP COLUMN note;\n";
const TABLES: &str = "[migrations]
layout = \"sqlx\"
[deploy]
max_downtime = \"30s\"
[rehearsal]
pg_stat_statements = false
probe = [\"sh\", \"-c\", \"psql -Xqc 'SELECT 1' $DATABASE_URL\"]
smoke = [\"sh\", \"smoke.sh\"]
";
/// Says that it runs, goes on when nobody holds it, and knows only the old name. Its folder is the release.
const SMOKE: &str = "touch smoked
while [ -e held ]; do sleep 0.05; done
psql -Xqc 'SELECT item FROM orders' $DATABASE_URL
";

fn bench(more: &str) -> Option<Bench> {
    let bench = Bench::new(BASE, &format!("{TABLES}{more}"))?;
    bench.migration("v2", 2, UP, Some(DOWN));
    bench.file("v1", "smoke.sh", SMOKE);
    bench.file("v2", "smoke.sh", "exit 0\n");
    bench.back_up();
    Some(bench)
}

fn rehearse(bench: &Bench) -> Running {
    let words = ["--json", "migration", "rehearse", "v2"];
    bench.call(&words).start()
}

/// A place in a rehearsal: a line of its progress, or something that it makes.
enum Place {
    Says(&'static str),
    Smokes,
    MakesServer,
}

impl Place {
    /// Waits until it is there, with this folder of the old release and this one of rehearsals.
    fn reached(&self, running: &mut Running, old: &Path, parent: &Path, before: &[PathBuf]) {
        match self {
            Self::Says(line) => running.wait_for(line),
            Self::Smokes => {
                let smoked = old.join("smoked");
                until("the old release's test", || {
                    assert!(!running.is_over(), "it ended before that");
                    smoked.exists().then_some(())
                });
                fs::remove_file(smoked).unwrap();
            }
            Self::MakesServer => until("a scratch server", || {
                assert!(!running.is_over(), "it ended before that");
                let mut all = rehearsals(parent).into_iter();
                let new = all.find(|folder| !before.contains(folder))?;
                new.join("owner.json").exists().then_some(())
            }),
        }
    }
}

const PLACES: [Place; 7] = [
    Place::MakesServer,
    Place::Says("restoring backup"),
    Place::Says("1 migration up"),
    Place::Says("down, each compared"),
    Place::Says("down again"),
    Place::Says("exporting and putting back"),
    Place::Smokes,
];

fn hold(release: &Path) {
    fs::write(release.join("held"), "").unwrap();
}

fn let_go(release: &Path) {
    fs::remove_file(release.join("held")).unwrap();
}

#[track_caller]
fn assert_rehearsed(said: &Said) {
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.json()["class"], "PreserveAndRevert", "{said:?}");
}

#[test]
fn killed_in_every_phase() {
    let Some(bench) = bench("") else { return };
    let parent = bench.folder().join("rehearsal");
    let before = dump(&bench.pg);
    hold(&bench.release("v1"));
    let mut left: Vec<PathBuf> = Vec::new();
    for place in &PLACES {
        let mut running = rehearse(&bench);
        place.reached(&mut running, &bench.release("v1"), &parent, &left);
        // Each finds what the one before it left.
        for folder in &left {
            assert!(!folder.exists(), "{}", folder.display());
            assert_eq!(at_work(folder).len(), 0, "{:#?}", at_work(folder));
        }
        running.kill();
        assert_eq!(dump(&bench.pg), before);
        left = rehearsals(&parent);
        assert_eq!(left.len(), 1, "{left:?}");
    }
    // Nobody has ended its server yet, nor the old release's test.
    assert!(!at_work(&left[0].join("data")).is_empty());
    assert!(!at_work(&bench.release("v1")).is_empty());
    bench.file("v1", "smoke.sh", SMOKE.replace("held", "never").as_str());
    let said = rehearse(&bench).end();
    assert_rehearsed(&said);
    assert!(
        said.stderr.contains("interrupted rehearsal left"),
        "{said:?}"
    );
    assert_eq!(dump(&bench.pg), before);
    assert_nothing_left(bench.folder(), &parent);
}

#[test]
fn asked_to_stop_it_leaves_nothing() {
    let Some(bench) = bench("") else { return };
    let parent = bench.folder().join("rehearsal");
    let before = dump(&bench.pg);
    hold(&bench.release("v1"));
    for (place, signal) in [
        (Place::MakesServer, Signal::TERM),
        (Place::Says("restoring backup"), Signal::INT),
        (Place::Says("down, each compared"), Signal::HUP),
        (Place::Smokes, Signal::TERM),
    ] {
        let mut running = rehearse(&bench);
        place.reached(&mut running, &bench.release("v1"), &parent, &[]);
        running.signal(signal);
        let said = running.end();
        assert_eq!(said.code, Some(3), "{said:?}");
        assert_eq!(said.json()["reason_code"], "aborted", "{said:?}");
        assert_nothing_left(bench.folder(), &parent);
    }
    assert_eq!(dump(&bench.pg), before);
}

#[test]
fn two_at_once_leave_each_other_alone() {
    let Some(one) = bench("") else { return };
    let parent = one.folder().join("rehearsal");
    let Some(two) = bench(&format!("folder = {:?}\n", parent)) else {
        return;
    };
    hold(&one.release("v1"));
    let mut first = rehearse(&one);
    Place::Smokes.reached(&mut first, &one.release("v1"), &parent, &[]);
    let held = rehearsals(&parent);
    assert_eq!(held.len(), 1, "{held:?}");
    let second = rehearse(&two).end();
    assert_rehearsed(&second);
    assert!(!second.stderr.contains("interrupted"), "{second:?}");
    assert_eq!(rehearsals(&parent), held);
    let_go(&one.release("v1"));
    assert_rehearsed(&first.end());
    assert_nothing_left(one.folder(), &parent);
}

/// A service with a database whose release v2 has a migration.
fn site(pg: &Pg) -> Site {
    let site = Site::new();
    // The scratch server's account has to get there.
    fs::set_permissions(site.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    site.add(&format!(
        "[database]\nkind = \"postgres\"\nurl = {:?}\n[backup]\nstore = \"file://backups\"\n{TABLES}folder = \"rehearsal\"\n",
        pg.url
    ));
    for (release, file, text) in [
        ("v1", "1_base.up.sql", BASE),
        ("v1", "1_base.down.sql", "DROP TABLE orders;\n"),
        ("v2", "1_base.up.sql", BASE),
        ("v2", "1_base.down.sql", "DROP TABLE orders;\n"),
        ("v2", "2_case.up.sql", UP),
        ("v2", "2_case.down.sql", DOWN),
    ] {
        let folder = site.root().join("releases").join(release);
        fs::create_dir_all(folder.join("migrations")).unwrap();
        fs::write(folder.join("migrations").join(file), text).unwrap();
    }
    for (release, smoke) in [("v1", SMOKE), ("v2", "exit 0\n")] {
        let folder = site.root().join("releases").join(release);
        fs::write(folder.join("smoke.sh"), smoke).unwrap();
    }
    let ran = site.run(&["migration", "run", "--release", "v1"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    site
}

#[test]
fn a_deployment_killed_while_it_rehearses() {
    let Some(pg) = Pg::new() else { return };
    let site = site(&pg);
    let parent = site.folder().join("rehearsal");
    let old = site.root().join("releases/v1");
    let before = dump(&pg);
    // What a kill before the rehearsal ends with.
    let count = records(&site.journal()).len();
    site.call(&["deploy", "v2"]).kill_at("4:after").run();
    assert!(records(&site.journal()).len() > count);
    let earlier = site.run(&["resume", "--json"]);
    hold(&old);
    let mut running = site.call(&["--json", "deploy", "v2"]).start();
    Place::Smokes.reached(&mut running, &old, &parent, &[]);
    assert_eq!(rehearsals(&parent).len(), 1);
    running.kill();
    let said = site.run(&["resume", "--json"]);
    assert_eq!(said.code, earlier.code, "{said:?} {earlier:?}");
    let (said, earlier) = (said.json(), earlier.json());
    for key in ["outcome", "reason_code"] {
        assert_eq!(said[key], earlier[key], "{said} {earlier}");
    }
    assert_eq!(dump(&pg), before);
    assert_eq!(site.serving().as_deref(), Some("v1"));
    // Asked to stop, it cleans up at once.
    let mut running = site.call(&["--json", "deploy", "v2"]).start();
    Place::Smokes.reached(&mut running, &old, &parent, &[]);
    running.signal(Signal::TERM);
    let said = running.end();
    assert_eq!(said.code, Some(3), "{said:?}");
    assert_eq!(said.json()["reason_code"], "aborted", "{said:?}");
    assert_eq!(dump(&pg), before);
    assert_nothing_left(site.folder(), &parent);

    let_go(&old);
    let said = site.run(&["--json", "deploy", "v2"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        said.json()["plan"]["class"],
        "PreserveAndRevert",
        "{said:?}"
    );
    assert_nothing_left(site.folder(), &parent);
    site.assert_tidy("deployed");
}
