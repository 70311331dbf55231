//! Marked secrets are planted wherever a secret can be, everything is run, and all that went out is searched for them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Call, Http, Reply, Said, Shop, argv_of, pause};

/// Every marker begins like this, so that half a secret is found, too.
const MARK: &str = "m4rk";
/// And ends like this, for a secret whose beginning was cut off.
const TAIL: &str = "7a1l";

fn marked(what: &str) -> String {
    format!("{MARK}-{what}-{TAIL}")
}

/// How the database's password comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Password {
    InUrl,
    InPassfile,
}

struct Bench {
    shop: Shop,
    people: Http,
    url: String,
    password: String,
}

impl Bench {
    fn new(password: Password) -> Option<Self> {
        let shop = Shop::new()?;
        let people = Http::serve(|_| Reply::Status(200, Vec::new()));
        let file = |name: &str, text: &str| {
            let path = shop.folder().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path
        };
        file(
            "slack",
            &format!("{}/services/{}", people.base, marked("slack")),
        );
        file(
            "webhook",
            &format!("{}/hook/{}", people.base, marked("webhook")),
        );
        file("signing", &marked("signing"));
        file("header", &marked("header"));
        file(
            "redis",
            &format!("redis://:{}@127.0.0.1:1/0", marked("redis")),
        );
        let config = shop.config().replace(
            "checks = [\"ready\", \"orders\", \"db\"]",
            "checks = [\"ready\", \"orders\", \"db\", \"cache\", \"noisy\"]",
        );
        let config = config.replacen(
            "url_env = \"SHOP_READY_URL\"",
            "url_env = \"SHOP_READY_URL\"\nheaders = [{ name = \"authorization\", value_file = \"header\" }]",
            1,
        );
        shop.put(&format!("{config}\n{MORE}"));
        // A slash has to be escaped in a URL, and is itself everywhere else.
        let secret = format!("{MARK}/database/{TAIL}");
        let url = match password {
            Password::InUrl => {
                let escaped = secret.replace('/', "%2F");
                shop.pg
                    .url
                    .replacen("postgres@", &format!("postgres:{escaped}@"), 1)
            }
            Password::InPassfile => {
                let path = file("pgpass", &format!("*:*:*:*:{secret}\n"));
                format!("{}?passfile={}", shop.pg.url, path.display())
            }
        };
        assert_ne!(url, shop.pg.url);
        let bench = Self {
            shop,
            people,
            url,
            password: secret,
        };
        bench.plant_releases();
        Some(bench)
    }

    /// Releases that print secrets where programs print them: into their output, and into errors of the database.
    fn plant_releases(&self) {
        let (shop, password) = (&self.shop, &self.password);
        for id in ["v2", "v3", "v5"] {
            let start = shop.release(id).join("start.sh");
            let text = fs::read_to_string(&start).unwrap();
            fs::write(
                start,
                text.replacen("#!/bin/sh\n", "#!/bin/sh\necho \"at $DATABASE_URL\"\n", 1),
            )
            .unwrap();
        }
        shop.release_like_v2("loud");
        let said = format!(
            "#!/bin/sh\necho \"no connection to $DATABASE_URL with {password}\" >&2\nexit 1\n"
        );
        fs::write(shop.release("loud").join("start.sh"), said).unwrap();
        // So much after the secret that what is kept of the output begins in the middle of it.
        shop.release_like_v2("long");
        let said = format!("#!/bin/sh\nprintf '%s%s %0390d' start {password} 0 >&2\nexit 1\n",);
        fs::write(shop.release("long").join("start.sh"), said).unwrap();
        let sql = format!("CREATE TABLE a (id bigint);\nSELECT '{password}'::integer;\n");
        shop.release_with("sql", "0003_sql", &sql, Some("DROP TABLE a;"));
    }

    fn call(&self, words: &[&str]) -> Call {
        self.shop
            .call(words)
            .env("DATABASE_URL", &self.url)
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
    }
}

const MORE: &str = r#"
[[check]]
name = "cache"
kind = "redis"
url_file = "redis"
critical = false

[[check]]
name = "noisy"
kind = "command"
run = ["sh", "-c", "printf '%s%s %04090d' start $(cat signing) 0 >&2; exit 1"]
folder = "."
critical = false

[[notify]]
name = "team"
kind = "slack"
url_file = "slack"

[[notify]]
name = "hook"
kind = "webhook"
url_file = "webhook"
secret_file = "signing"

[[notify]]
name = "here"
kind = "console"
"#;

#[test]
fn no_secret_gets_out_with_the_password_in_the_url() {
    search(Password::InUrl);
}

#[test]
fn no_secret_gets_out_with_the_password_in_a_passfile() {
    search(Password::InPassfile);
}

fn search(password: Password) {
    let Some(bench) = Bench::new(password) else {
        return;
    };
    let over = AtomicBool::new(false);
    let mut found = BTreeSet::new();
    std::thread::scope(|scope| {
        let stop = StopWatching(&over);
        let watch = scope.spawn(|| {
            let mut seen = (0_u64, BTreeSet::new());
            while !over.load(Ordering::Relaxed) {
                for (_, argv) in argv_of() {
                    if argv.contains("pg_dump") || argv.contains("pg_restore") {
                        seen.0 += 1;
                    }
                    if leaks(&argv) {
                        seen.1.insert(format!("argv: {argv}"));
                    }
                }
                pause();
            }
            seen
        });
        let all = everything(&bench);
        drop(stop);
        let (children, argv) = watch.join().unwrap();
        assert!(children > 0, "pg_dump and pg_restore were looked at");
        found.extend(argv);
        for (words, said) in all {
            for (stream, text) in [("stdout", &said.stdout), ("stderr", &said.stderr)] {
                found.extend(
                    text.lines()
                        .filter(|l| leaks(l))
                        .map(|l| format!("{words} {stream}: {l}")),
                );
            }
        }
    });
    for folder in ["journal", "backups"] {
        for (path, bytes) in files(&bench.shop.folder().join(folder)) {
            if leaks(&String::from_utf8_lossy(&bytes)) {
                found.insert(format!("file: {path}"));
            }
        }
    }
    let heard = bench.people.heard();
    assert!(heard.len() > 10, "{}", heard.len());
    for message in &heard {
        // Its own path is the only place where a webhook's secret belongs.
        if leaks(&message.body) || leaks(&message.headers) {
            found.insert(format!("message: {message:?}"));
        }
    }
    assert!(
        found.is_empty(),
        "{} leaks:\n{}",
        found.len(),
        found.into_iter().collect::<Vec<_>>().join("\n")
    );
}

/// Also when an assertion fails: the watch would go on for ever.
struct StopWatching<'a>(&'a AtomicBool);

impl Drop for StopWatching<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn leaks(text: &str) -> bool {
    text.contains(MARK) || text.contains(TAIL)
}

/// Runs everything, as text and as JSON, with the exit codes it should have.
fn everything(bench: &Bench) -> Vec<(String, Said)> {
    let mut all = Vec::new();
    let mut run = |words: &[&str], code: i32| {
        let said = bench.call(words).run();
        assert_eq!(said.code, Some(code), "{words:?}: {said:#?}");
        all.push((words.join(" "), said.clone()));
        said
    };
    for json in [&[][..], &["--json"][..]] {
        for (words, code) in [
            (&["deploy", "v3"][..], 1),
            (&["deploy", "loud"], 1),
            (&["deploy", "long"], 1),
            // Its migration fails on the copy already.
            (&["deploy", "sql"], 3),
            (&["resume"], 0),
            (&["abort"], 0),
            (&["plan", "v3"], 0),
            (&["plan", "sql"], 0),
            (&["status"], 0),
            (&["history"], 0),
            (&["check"], 0),
            (&["check", "post"], 0),
            (&["migration", "lint", "--release", "sql"], 0),
            (&["migration", "status", "--release", "v3"], 0),
            (&["migration", "run", "--release", "sql", "--dry-run"], 0),
            (&["migration", "run", "--release", "sql"], 3),
            (&["backup", "list"], 0),
            (&["backup", "gate"], 0),
            (&["notify", "test"], 0),
        ] {
            run(&[words, json].concat(), code);
        }
        let created = run(&["backup", "create", "--json"], 0).json();
        let id = created["backup"].as_str().unwrap();
        run(&[&["backup", "verify", id][..], json].concat(), 0);
    }
    for json in [&[][..], &["--json"][..]] {
        run(&[&["deploy", "v5"][..], json].concat(), 0);
        run(&[&["rollback", "--to", "v2"][..], json].concat(), 0);
    }
    // Errors of a connection that fails, and of a configuration that cannot be.
    for url in [
        format!("postgres://shop:{}@127.0.0.1:1/shop", marked("port")),
        format!("postgres://shop:{}@[::1/shop", marked("broken")),
        format!(
            "host=127.0.0.1 port=1 password='{}' sslmode=perhaps",
            marked("mode")
        ),
    ] {
        let said = bench
            .shop
            .call(&["plan", "v3", "--json"])
            .env("DATABASE_URL", url)
            .run();
        assert_eq!(said.code, Some(2), "{said:?}");
        all.push(("plan with a bad URL".into(), said));
    }
    all
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found
}
