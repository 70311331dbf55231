//! DROP of a primary key.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{ConstraintKind, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "drop-primary-key",
    severity: Severity::Error,
    why: "replication loses the row identity, and foreign keys and object mappers the row",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    for (table, action) in walk::actions(cx) {
        if let TableAction::DropConstraint { name, .. } = action {
            let known = cx.state.table(table).and_then(|t| t.constraints.get(name));
            let primary = match known {
                Some(known) => matches!(known.kind, ConstraintKind::PrimaryKey { .. }),
                None => name.ends_with("_pkey") || name.ends_with("_pk"),
            };
            if primary {
                hits.add(format!("{table} loses its primary key"))
                    .on(table)
                    .help("first a new unique index and REPLICA IDENTITY USING INDEX");
            }
        }
    }
}
