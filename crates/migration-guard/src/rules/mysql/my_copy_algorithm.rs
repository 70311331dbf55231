//! ALGORITHM=COPY, a change that can only be made so, and an ALGORITHM that cannot be had.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::cost::{self, Algorithm};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::{AlterTable, ConstraintKind, TableAction};
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-copy-algorithm",
    severity: Severity::Error,
    why: "the table is copied row by row while writers wait",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let Some(it) = walk::alter_in_use(cx) else {
        return;
    };
    let name = quoted(&it.table);
    let server = &cx.options.mysql_server;
    let cost = cost::of(it, cx.schema, server);
    match walk::setting(it, "algorithm") {
        Some("copy") => {
            hits.add(format!("{name} is copied because ALGORITHM=COPY says so"))
                .on(&it.table)
                .help("ALGORITHM=INPLACE, LOCK=NONE");
        }
        // Then the server refuses, which hurts nobody but the release.
        Some(asked @ ("instant" | "inplace" | "nocopy")) => {
            let refused = match asked {
                "instant" => cost.algorithm > Algorithm::Instant,
                "nocopy" => cost.algorithm > Algorithm::InPlace,
                _ => cost.copies(),
            };
            if refused && sure(cx, it) {
                hits.add(format!(
                    "{name} cannot be changed so with ALGORITHM={}, and the server refuses it",
                    asked.to_ascii_uppercase()
                ))
                .on(&it.table)
                .severity(Severity::Warning)
                .help("with gh-ost or pt-online-schema-change");
            }
        }
        _ => {
            for action in it.actions.iter().filter(|a| !named(a)) {
                if cost::of_action(action, it, cx.schema, server).copies() {
                    hits.add(format!("{name} is copied"))
                        .on(&it.table)
                        .help("with gh-ost or pt-online-schema-change");
                    return;
                }
            }
        }
    }
}

/// Whether nothing has to be guessed: a column that is redefined is known.
fn sure(cx: &Context<'_>, it: &AlterTable) -> bool {
    it.actions.iter().all(|action| match action {
        TableAction::RedefineColumn { from, .. } => cx.schema.column(&it.table, from).is_some(),
        _ => true,
    })
}

/// Whether another rule says so, and why.
fn named(action: &TableAction) -> bool {
    match action {
        TableAction::AddConstraint(c) => matches!(
            c.kind,
            ConstraintKind::ForeignKey(_) | ConstraintKind::Check(_)
        ),
        TableAction::AddColumn { column, .. } => column.has(|k| {
            matches!(
                k,
                ConstraintKind::Stored
                    | ConstraintKind::AutoIncrement
                    | ConstraintKind::ForeignKey(_)
            )
        }),
        TableAction::RedefineColumn { .. }
        | TableAction::ConvertCharset { .. }
        | TableAction::DropPrimaryKey
        | TableAction::AlterConstraint
        | TableAction::Partitions { .. } => true,
        TableAction::Setting { name, .. } => name == "engine",
        _ => false,
    }
}
