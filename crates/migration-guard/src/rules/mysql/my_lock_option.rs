//! LOCK=SHARED and LOCK=EXCLUSIVE, or nothing said at all.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::cost::{self, Algorithm};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::TableAction;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-lock-option",
    severity: Severity::Info,
    why: "the server silently takes a slower way when the fast one cannot be had; with ALGORITHM and LOCK it refuses instead",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter(cx) else {
        return;
    };
    // Renames, what InnoDB ignores, and partitions, which take neither clause.
    let costs_nothing = it.actions.iter().all(|action| match action {
        TableAction::Setting { name, .. } => name == "keys",
        TableAction::RenameTable { .. }
        | TableAction::Partitions { .. }
        | TableAction::Other(_) => true,
        _ => false,
    });
    if costs_nothing {
        return;
    }
    let name = quoted(&it.table);
    if cost::mixed(it, &cx.options.mysql_server) && !cx.is_new(&it.table) {
        hits.add(format!(
            "the index makes the server write every row of {name} anew, which the column alone would not"
        ))
        .on(&it.table)
        .severity(Severity::Warning)
        .help("two statements: the column with ALGORITHM=INSTANT, then the index with ALGORITHM=INPLACE, LOCK=NONE");
    }
    let asked = |what| walk::setting(it, what).filter(|v| *v != "default");
    match asked("lock") {
        Some(mode @ ("shared" | "exclusive")) if !cx.is_new(&it.table) => {
            hits.add(format!(
                "{name} is changed with LOCK={}",
                mode.to_ascii_uppercase()
            ))
            .on(&it.table)
            .severity(Severity::Error)
            .help("LOCK=NONE");
        }
        None if asked("algorithm").is_none() => {
            let cost = cost::of(it, cx.schema, &cx.options.mysql_server);
            let clause = match cost.algorithm {
                Algorithm::Instant => "ALGORITHM=INSTANT",
                // The clause makes the server refuse, and that is what it is for.
                Algorithm::Copy => "ALGORITHM=INPLACE, LOCK=NONE, which the server refuses here",
                _ if cost.writers_wait => "ALGORITHM=INPLACE, LOCK=SHARED",
                _ => "ALGORITHM=INPLACE, LOCK=NONE",
            };
            hits.add(format!("nothing says how {name} may be changed"))
                .on(&it.table)
                .help(clause);
        }
        _ => {}
    }
}
