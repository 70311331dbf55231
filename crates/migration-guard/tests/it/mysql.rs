//! What the rules claim of MariaDB, asked of a live one: it refuses an ALGORITHM and a LOCK
//! that it cannot keep, so each claim has to be taken and the next better one refused.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use ripcord_migration_guard::{
    Dialect, Finding, LintOptions, LockMode, Script, Transactional, Unit, lint,
};

/// A database of the test's own on the server that `RIPCORD_TEST_MARIADB_URL` names.
struct Db {
    args: Vec<String>,
    name: String,
}

impl Db {
    /// `None`, with the reason printed, where there is no server.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests find out at run time what is there, and say when they skip"
    )]
    fn new(name: &str) -> Option<Self> {
        let Ok(url) = std::env::var("RIPCORD_TEST_MARIADB_URL") else {
            let required = std::env::var("RIPCORD_REQUIRE_SERVICES").as_deref() == Ok("1");
            assert!(!required, "RIPCORD_TEST_MARIADB_URL is required");
            eprintln!("SKIPPED: RIPCORD_TEST_MARIADB_URL is not set");
            return None;
        };
        let rest = url.strip_prefix("mysql://").unwrap();
        let (user, rest) = rest.split_once('@').unwrap();
        let (host, port) = rest.trim_end_matches('/').split_once(':').unwrap();
        let db = Self {
            args: vec![
                "--no-defaults".to_owned(),
                "--protocol=tcp".to_owned(),
                format!("--host={host}"),
                format!("--port={port}"),
                format!("--user={user}"),
                "--batch".to_owned(),
                "--skip-column-names".to_owned(),
            ],
            name: format!("ripcord_lint_{name}_{}", std::process::id()),
        };
        Some(db)
    }

    /// In a fresh database: what the client prints, or the server's refusal.
    fn run(&self, sql: &str) -> Result<String, String> {
        let (out, refused) = self.client(&[], sql);
        if refused.is_empty() {
            Ok(out)
        } else {
            Err(refused)
        }
    }

    /// In a fresh database, line by line: the refusals. The client goes on behind each.
    fn refusals(&self, lines: &[&str]) -> String {
        self.client(&["--force"], &lines.join(";\n")).1
    }

    fn client(&self, args: &[&str], sql: &str) -> (String, String) {
        let name = &self.name;
        let script = format!(
            "DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4; \
             USE {name}; {sql};"
        );
        let mut child = Command::new("mariadb")
            .args(&self.args)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        let done = child.wait_with_output().unwrap();
        (
            String::from_utf8(done.stdout).unwrap(),
            String::from_utf8(done.stderr).unwrap(),
        )
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {}", self.name);
        // Best effort: the server is thrown away.
        let _ = Command::new("mariadb")
            .args(&self.args)
            .args(["-e", &drop])
            .output();
    }
}

/// From the cheapest on.
const LADDER: [&str; 6] = [
    "ALGORITHM=INSTANT",
    "ALGORITHM=NOCOPY, LOCK=NONE",
    "ALGORITHM=NOCOPY, LOCK=SHARED",
    "ALGORITHM=INPLACE, LOCK=NONE",
    "ALGORITHM=INPLACE, LOCK=SHARED",
    "ALGORITHM=COPY, LOCK=SHARED",
];

fn findings(sql: &str, server: &str) -> Vec<Finding> {
    let mut options = LintOptions::default();
    options.dialect = Dialect::MySql;
    options.mysql_server = server.parse().unwrap();
    let unit = Unit {
        script: Script::parse_as(Path::new("m.sql"), sql, Dialect::MySql).unwrap(),
        transaction: Transactional::No,
    };
    let found = lint(&[unit], &options).unwrap();
    assert_eq!(found.analysed, found.statements, "{sql}");
    found.findings
}

/// The rung that is claimed for the last statement.
fn claim(sql: &str) -> usize {
    let all = findings(sql, "mariadb-10.11");
    let said = all
        .iter()
        .rfind(|f| f.rule == "my-lock-option")
        .unwrap_or_else(|| panic!("{sql}: {all:#?}"));
    let clause = said.help.as_deref().unwrap();
    let waits = said.lock == Some(LockMode::MySqlShared);
    assert_eq!(waits, said.lock.unwrap().blocks_writes(), "{sql}");
    match (clause, said.rewrite, waits) {
        ("ALGORITHM=INSTANT", false, false) => 0,
        ("ALGORITHM=INPLACE, LOCK=NONE", false, false) => 1,
        ("ALGORITHM=INPLACE, LOCK=SHARED", false, true) => 2,
        ("ALGORITHM=INPLACE, LOCK=NONE", true, false) => 3,
        ("ALGORITHM=INPLACE, LOCK=SHARED", true, true) => 4,
        (_, true, true) => 5,
        other => panic!("{sql}: {other:?}"),
    }
}

const TABLES: &str = "CREATE TABLE u (id INT UNSIGNED PRIMARY KEY) ENGINE=InnoDB; \
     CREATE TABLE c (id INT PRIMARY KEY, up INT UNSIGNED, CONSTRAINT fk_c FOREIGN KEY (up) REFERENCES u (id)) ENGINE=InnoDB; \
     CREATE TABLE w (id INT PRIMARY KEY, a INT NOT NULL) ENGINE=InnoDB; \
     CREATE TABLE k (a INT NOT NULL, b INT) ENGINE=InnoDB; \
     CREATE TABLE g (id INT PRIMARY KEY, a INT, s INT AS (a + 1) STORED, v INT AS (a + 2) VIRTUAL) ENGINE=InnoDB; \
     CREATE TABLE t (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, a INT, b INT NOT NULL DEFAULT 0, \
       n VARCHAR(50) CHARACTER SET utf8mb4, l VARCHAR(20) CHARACTER SET latin1, d DECIMAL(10,2), \
       e ENUM('x','y'), s SET('p','q'), txt TEXT, geo POINT NOT NULL, up INT UNSIGNED, \
       KEY i_a (a), CONSTRAINT c_a CHECK (a > 0)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

const CHANGES: &[&str] = &[
    "ALTER TABLE t ADD COLUMN z INT",
    "ALTER TABLE t ADD COLUMN z INT FIRST",
    "ALTER TABLE t ADD COLUMN z INT NOT NULL DEFAULT 5 AFTER a",
    "ALTER TABLE t ADD COLUMN z DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP",
    "ALTER TABLE t ADD COLUMN z VARCHAR(36) DEFAULT (uuid())",
    "ALTER TABLE t ADD COLUMN z INT UNIQUE",
    "ALTER TABLE t ADD COLUMN z INT CHECK (z > 0)",
    "ALTER TABLE t ADD COLUMN z INT UNSIGNED REFERENCES u (id)",
    "ALTER TABLE g ADD COLUMN z INT AS (a + 3) STORED",
    "ALTER TABLE g ADD COLUMN z INT AS (a + 3) VIRTUAL",
    "ALTER TABLE k ADD COLUMN z INT AUTO_INCREMENT PRIMARY KEY",
    "ALTER TABLE t DROP COLUMN b",
    "ALTER TABLE k DROP COLUMN b",
    "ALTER TABLE g DROP COLUMN s",
    "ALTER TABLE g DROP COLUMN v",
    "ALTER TABLE t RENAME COLUMN b TO bb",
    "ALTER TABLE t CHANGE COLUMN b bb INT NOT NULL DEFAULT 0",
    "ALTER TABLE t MODIFY COLUMN b INT NOT NULL DEFAULT 7 COMMENT 'x'",
    "ALTER TABLE t MODIFY COLUMN b INT NOT NULL DEFAULT 0 FIRST",
    "ALTER TABLE t MODIFY COLUMN b BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE t MODIFY COLUMN b SMALLINT NOT NULL DEFAULT 0",
    "ALTER TABLE t MODIFY COLUMN b INT UNSIGNED NOT NULL DEFAULT 0",
    "ALTER TABLE t MODIFY COLUMN b INT NULL DEFAULT 0",
    "ALTER TABLE k MODIFY COLUMN b INT NOT NULL",
    "ALTER TABLE t MODIFY COLUMN n VARCHAR(63) CHARACTER SET utf8mb4",
    "ALTER TABLE t MODIFY COLUMN n VARCHAR(64) CHARACTER SET utf8mb4",
    "ALTER TABLE t MODIFY COLUMN n VARCHAR(40) CHARACTER SET utf8mb4",
    "ALTER TABLE t MODIFY COLUMN n TEXT CHARACTER SET utf8mb4",
    "ALTER TABLE t MODIFY COLUMN n VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "ALTER TABLE t MODIFY COLUMN l VARCHAR(255) CHARACTER SET latin1",
    "ALTER TABLE t MODIFY COLUMN l VARCHAR(20) CHARACTER SET utf8mb4",
    "ALTER TABLE t MODIFY COLUMN d DECIMAL(12,2)",
    "ALTER TABLE t MODIFY COLUMN e ENUM('x','y','z')",
    "ALTER TABLE t MODIFY COLUMN e ENUM('x','z','y')",
    "ALTER TABLE t MODIFY COLUMN s SET('p','q','r')",
    "ALTER TABLE t MODIFY COLUMN s SET('p','q','r','s','t','u','v','w','x')",
    "ALTER TABLE t ALTER COLUMN b SET DEFAULT 3",
    "ALTER TABLE t ALTER COLUMN b DROP DEFAULT",
    "ALTER TABLE t ADD INDEX i_b (b)",
    "ALTER TABLE t ADD UNIQUE INDEX u_b (b)",
    "ALTER TABLE t ADD FULLTEXT INDEX f_t (txt)",
    "ALTER TABLE t ADD SPATIAL INDEX s_g (geo)",
    "ALTER TABLE t DROP INDEX i_a",
    "ALTER TABLE t RENAME INDEX i_a TO i_b",
    "ALTER TABLE k ADD PRIMARY KEY (a)",
    "ALTER TABLE w DROP PRIMARY KEY",
    "ALTER TABLE w DROP PRIMARY KEY, ADD PRIMARY KEY (a)",
    "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (up) REFERENCES u (id)",
    "SET foreign_key_checks = 0; ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (up) REFERENCES u (id)",
    "ALTER TABLE c DROP FOREIGN KEY fk_c",
    "ALTER TABLE t ADD CONSTRAINT c_b CHECK (b >= 0)",
    "ALTER TABLE t DROP CONSTRAINT c_a",
    "ALTER TABLE t CONVERT TO CHARACTER SET latin1",
    "ALTER TABLE t DEFAULT CHARACTER SET latin1",
    "ALTER TABLE t ENGINE=InnoDB",
    "ALTER TABLE t FORCE",
    "ALTER TABLE t ROW_FORMAT=COMPRESSED",
    "ALTER TABLE t AUTO_INCREMENT=1000",
    "ALTER TABLE t COMMENT='x'",
    "ALTER TABLE t ADD COLUMN z INT, ADD INDEX i_z (z)",
    "ALTER TABLE t ADD COLUMN z INT, DROP INDEX i_a",
    "ALTER TABLE t DROP COLUMN b, ADD INDEX i_d (d)",
    "ALTER TABLE t DROP COLUMN b, ADD COLUMN z INT",
    "ALTER TABLE k DROP COLUMN b, ADD COLUMN z INT",
    "ALTER TABLE t MODIFY COLUMN b INT NOT NULL DEFAULT 0 FIRST, ADD INDEX i_b (b)",
    "ALTER TABLE t RENAME COLUMN b TO bb, ADD INDEX i_d (d)",
    "ALTER TABLE g ADD COLUMN z INT AS (a + 3) VIRTUAL, ADD INDEX i_a (a)",
    "ALTER TABLE t ADD COLUMN z INT, MODIFY COLUMN b BIGINT NOT NULL DEFAULT 0",
];

#[test]
fn each_claim_is_taken_and_the_next_better_one_refused() {
    let Some(db) = Db::new("claims") else {
        return;
    };
    let mut wrong = Vec::new();
    for change in CHANGES {
        let rung = claim(&format!("{TABLES}; {change}"));
        // What is refused changes nothing, so both can be asked of the same tables.
        let better = match rung {
            0 => "SELECT 1".to_owned(),
            _ => format!("{change}, {}", LADDER[rung - 1]),
        };
        let claimed = format!("{change}, {}", LADDER[rung]);
        let refused = db.refusals(&[TABLES, &better, &claimed]);
        if rung > 0
            && !refused.contains("at line 2: ALGORITHM=")
            && !refused.contains("at line 2: LOCK=")
        {
            wrong.push(format!("{change}: {} is taken", LADDER[rung - 1]));
        } else if refused.contains("at line 1:") || refused.contains("at line 3:") {
            wrong.push(format!("{change}: {} is refused: {refused}", LADDER[rung]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_said_to_be_refused_is_refused() {
    let Some(db) = Db::new("refused") else {
        return;
    };
    for (rule, sql) in [
        (
            "chain-conflict",
            "CREATE TABLE t (a INT UNSIGNED AUTO_INCREMENT)",
        ),
        (
            "my-auto-increment",
            "CREATE TABLE t (a VARCHAR(9) AUTO_INCREMENT PRIMARY KEY)",
        ),
        ("index-redundant", "CREATE TABLE t (a INT, KEY i (a, A))"),
        (
            "chain-conflict",
            "CREATE TABLE t (a INT); ALTER TABLE t ADD A INT",
        ),
        (
            "chain-conflict",
            "CREATE TABLE t (a INT); ALTER TABLE t DROP b",
        ),
        (
            "chain-conflict",
            "CREATE TABLE t (a INT); CREATE TABLE t (a INT)",
        ),
        (
            "duplicate-assignments",
            "CREATE TABLE t (a INT); INSERT INTO t (a, a) VALUES (1, 2)",
        ),
        (
            "identifier-too-long",
            "CREATE TABLE t (a234567890123456789012345678901234567890123456789012345678901234x INT)",
        ),
    ] {
        let said = findings(sql, "mariadb-10.11");
        assert!(said.iter().any(|f| f.rule == rule), "{sql}: {said:#?}");
        assert!(db.run(sql).is_err(), "{sql}");
    }
}

#[test]
fn what_is_said_of_rows_is_so() {
    let Some(db) = Db::new("rows") else {
        return;
    };
    let filled = "CREATE TABLE t (a INT); INSERT INTO t VALUES (1)";
    // my-implicit-update
    let zero = db.run(&format!(
        "{filled}; ALTER TABLE t ADD b INT NOT NULL; SELECT b FROM t"
    ));
    assert_eq!(zero.unwrap().trim(), "0");
    // my-set-not-null
    let null = "CREATE TABLE t (a INT); INSERT INTO t VALUES (NULL)";
    let modify = "ALTER TABLE t MODIFY a INT NOT NULL";
    let strict = db.run(&format!(
        "{null}; SET sql_mode = 'STRICT_ALL_TABLES'; {modify}"
    ));
    assert!(strict.is_err());
    let lax = db.run(&format!(
        "{null}; SET sql_mode = ''; {modify}; SELECT a FROM t"
    ));
    assert_eq!(lax.unwrap().trim(), "0");
    // required-columns-comments
    let lost = db.run(
        "CREATE TABLE t (a INT NOT NULL DEFAULT 1 COMMENT 'x'); ALTER TABLE t MODIFY a INT; \
         SELECT IS_NULLABLE, COLUMN_COMMENT FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = 't'",
    );
    assert_eq!(lost.unwrap().trim(), "YES");
    // drop-column-in-index
    let left = db.run(
        "CREATE TABLE t (a INT, b INT, KEY i (a, b)); ALTER TABLE t DROP a; \
         SELECT COLUMN_NAME FROM information_schema.statistics WHERE table_schema = DATABASE()",
    );
    assert_eq!(left.unwrap().trim(), "b");
    // my-no-tx-ddl
    let kept = db.run(
        "CREATE TABLE t (a INT) ENGINE=InnoDB; BEGIN; INSERT INTO t VALUES (7); \
         CREATE TABLE u (a INT); ROLLBACK; SELECT a FROM t",
    );
    assert_eq!(kept.unwrap().trim(), "7");
    // CREATE OR REPLACE drops the table that was there.
    let replaced = db.run(&format!(
        "{filled}; CREATE OR REPLACE TABLE t (a INT); SELECT COUNT(*) FROM t"
    ));
    assert_eq!(replaced.unwrap().trim(), "0");
    // my-mdl-wait
    let wait = db.run("SELECT @@global.lock_wait_timeout").unwrap();
    assert_eq!(wait.trim(), "86400", "a day");
}
