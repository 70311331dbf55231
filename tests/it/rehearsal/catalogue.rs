use std::sync::Mutex;

use serde_json::Value;

use super::Bench;
use super::case::{Case, cases};

const BASE: &str = include_str!("catalogue/base.sql");
/// The two cores that tests get; each case starts a server of its own.
const AT_ONCE: usize = 2;

fn all_are_right(text: &str) {
    let cases = cases(text);
    assert!(!cases.is_empty());
    let queue = Mutex::new(cases);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().pop() else {
                        return;
                    };
                    if let Some(found) = wrong_about(&case) {
                        let told = format!("{}:\n    {}", case.name, found.join("\n    "));
                        wrong.lock().unwrap().push(told);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What a rehearsal says that is not so; `None` when all of it is right.
fn wrong_about(case: &Case) -> Option<Vec<String>> {
    let mut more = format!(
        "[migrations]\nlayout = \"sqlx\"\nat_start = \"{}\"\n[rehearsal]\npg_stat_statements = false\n",
        case.at_start
    );
    if case.old.is_some() {
        more.push_str("probe = [\"sh\", \"-c\", \"psql -Xqc 'SELECT 1' $DATABASE_URL\"]\n");
        more.push_str("smoke = [\"sh\", \"smoke.sh\"]\n");
    }
    if case.queries.is_some() {
        more.push_str("queries = \"queries.sql\"\n");
    }
    let bench = Bench::new(BASE, &more)?;
    for (number, (up, down)) in case.migrations.iter().enumerate() {
        bench.migration("v2", number + 2, up, down.as_deref());
    }
    if let Some(sql) = &case.old {
        let script = "psql -X -q -v ON_ERROR_STOP=1 -f smoke.sql \"$DATABASE_URL\"\n";
        bench.file("v1", "smoke.sh", script);
        bench.file("v1", "smoke.sql", sql);
        bench.file("v2", "smoke.sh", "exit 0\n");
    }
    if let Some(sql) = &case.queries {
        bench.file("v1", "queries.sql", &sql.replace("; ", ";\n"));
    }
    bench.back_up();
    let before = bench.pg.sql("SELECT count(*) FROM orders");
    let said = bench.run(&["--json", "migration", "rehearse", "v2"]);
    let mut wrong = Vec::new();
    if said.code != Some(0) {
        return Some(vec![format!(
            "exit {:?}: {}{}",
            said.code, said.stdout, said.stderr
        )]);
    }
    let json = said.json();
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let class = format!("{} {}", text("class"), text("basis"));
    if class != case.class {
        wrong.push(format!("{class} instead of {}", case.class));
    }
    let reason = text("reason");
    for part in &case.reason {
        if !reason.contains(part) {
            wrong.push(format!("nothing about {part:?}"));
        }
    }
    if let Some(overlap) = &case.overlap
        && *overlap != text("overlap")
    {
        wrong.push(format!("overlap {} instead of {overlap}", text("overlap")));
    }
    let preserve = preserved(&json);
    if preserve != case.preserve {
        wrong.push(format!(
            "preserves {preserve:?} instead of {:?}",
            case.preserve
        ));
    }
    let lost = lost(&json);
    if lost != case.lost {
        wrong.push(format!("lost {lost:?} instead of {:?}", case.lost));
    }
    let findings = json["findings"].to_string();
    for part in &case.finding {
        if !findings.contains(part) {
            wrong.push(format!("no finding about {part:?}: {findings}"));
        }
    }
    if json["scratch_dropped"] != true || !bench.left_over().is_empty() {
        wrong.push(format!("left over: {:?}", bench.left_over()));
    }
    if bench.pg.sql("SELECT count(*) FROM orders") != before {
        wrong.push("the live database was touched".to_owned());
    }
    if wrong.is_empty() {
        return None;
    }
    wrong.push(format!("reason: {reason}"));
    Some(wrong)
}

fn preserved(json: &Value) -> Vec<String> {
    let all = json["preserve"].as_array().cloned().unwrap_or_default();
    let mut all: Vec<String> = all
        .iter()
        .map(|one| {
            let table = one["table"].as_str().unwrap_or_default();
            match one["columns"].as_array() {
                None => table.to_owned(),
                Some(columns) => {
                    let columns: Vec<&str> = columns.iter().filter_map(Value::as_str).collect();
                    format!("{table} ({})", columns.join(", "))
                }
            }
        })
        .collect();
    all.sort();
    all
}

fn lost(json: &Value) -> Vec<String> {
    let all = json["lost"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|one| {
            let table = one["table"].as_str().unwrap_or_default();
            let column = one["column"]
                .as_str()
                .map(|c| format!(".{c}"))
                .unwrap_or_default();
            format!("{table}{column} {}", one["rows"])
        })
        .collect()
}

#[test]
fn what_only_adds() {
    all_are_right(include_str!("catalogue/additive.sql"));
}

#[test]
fn what_comes_back_whole() {
    all_are_right(include_str!("catalogue/lossless.sql"));
}

#[test]
fn what_does_not_come_back() {
    all_are_right(include_str!("catalogue/lossy.sql"));
}

#[test]
fn what_only_the_new_release_could_write() {
    all_are_right(include_str!("catalogue/after_writes.sql"));
}

#[test]
fn what_the_old_release_says() {
    all_are_right(include_str!("catalogue/old_release.sql"));
}
