//! What reaches beyond this database's tables: programs, files, other servers, other sessions.

use crate::lint::{Context, Hits, Severity, words};
use crate::rules::{Check, Rule};
use crate::sql::Statement;
use crate::sql::model::Kind;

pub(super) const RULE: Rule = Rule {
    id: "outside-effects",
    severity: Severity::Warning,
    why: "no rollback takes it back, and what it does there cannot be judged",
    check: Check::Statement(check),
};

/// Functions, and what they do.
const FUNCTIONS: &[(&str, &str)] = &[
    ("dblink", "runs SQL over a connection of its own"),
    ("dblink_exec", "runs SQL over a connection of its own"),
    ("dblink_open", "runs SQL over a connection of its own"),
    ("dblink_send_query", "runs SQL over a connection of its own"),
    ("pg_background_launch", "runs SQL in a session of its own"),
    ("query_to_xml", "runs SQL out of a text"),
    ("query_to_xml_and_xmlschema", "runs SQL out of a text"),
    ("pg_terminate_backend", "ends the sessions of others"),
    ("pg_cancel_backend", "ends the statements of others"),
    ("lo_import", "reads a file of the server"),
    ("pg_read_file", "reads a file of the server"),
    ("pg_read_binary_file", "reads a file of the server"),
    ("lo_export", "writes a file of the server"),
    ("pg_file_write", "writes a file of the server"),
    ("pg_file_rename", "moves a file of the server"),
    ("pg_file_unlink", "removes a file of the server"),
    ("lo_unlink", "removes a large object"),
    ("pg_reload_conf", "changes the whole server"),
    ("pg_promote", "changes the whole server"),
    ("pg_switch_wal", "changes the whole server"),
    ("pg_wal_replay_pause", "stops a replica"),
    ("pg_drop_replication_slot", "ends a replication"),
    ("pg_replication_origin_drop", "ends a replication"),
];

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::Select { functions, .. } = cx.kind {
        for (name, does) in FUNCTIONS {
            if functions.iter().any(|f| f == name) {
                hits.add(format!("{name} {does}"));
            }
        }
    }
    // What is not a SELECT hides its calls anywhere in its text.
    if cx.whole && !matches!(cx.kind, Kind::Select { .. } | Kind::CreateFunction(_)) {
        in_text(cx.kind, cx.statement, hits);
    }
}

fn in_text(kind: &Kind, statement: &Statement, hits: &mut Hits) {
    let block = matches!(kind, Kind::Do { .. });
    let words = words(statement.text(), block);
    let reported = |name: &str| {
        match kind {
        Kind::Do { body, .. } => body.iter().any(|inner| {
            matches!(&inner.kind, Kind::Select { functions, .. } if functions.iter().any(|f| f == name))
        }),
        _ => false,
    }
    };
    for (name, does) in FUNCTIONS {
        let called = words.windows(2).any(|w| w[0] == *name && w[1] == "(");
        if called && !reported(name) {
            hits.add(format!("{name} {does}"));
        }
    }
    let program = |w: &[String]| matches!(w[0].as_str(), "from" | "to") && w[1] == "program";
    let copies = words.iter().any(|word| word == "copy");
    if copies && words.windows(2).any(program) {
        hits.add("COPY … PROGRAM runs a program on the server's host");
    }
}
