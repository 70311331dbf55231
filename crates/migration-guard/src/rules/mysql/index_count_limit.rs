//! Many indexes on one table.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::ConstraintKind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "index-count-limit",
    severity: Severity::Info,
    why: "every INSERT writes all of them, and every secondary one holds the primary key too",
    check: Check::Statement(check),
};

/// With the primary key.
const MANY: usize = 5;

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let made = walk::indexes(cx);
    let Some((table, _)) = made.first() else {
        return;
    };
    let known = cx.schema.table(table);
    let key = known.is_some_and(|t| t.primary_key.is_some())
        || walk::constraints(cx)
            .iter()
            .any(|(_, c)| matches!(c.kind, ConstraintKind::PrimaryKey { .. }));
    let before = known.map_or(0, |t| t.indexes.len()) + usize::from(key);
    let after = before + made.len();
    if after > MANY && before <= MANY {
        hits.add(format!("{} has {after} indexes", quoted(table)))
            .on(table)
            .help("drop those that no query uses: sys.schema_unused_indexes");
    }
}
