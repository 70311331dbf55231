//! CREATE TABLE … REFERENCES a table that is in use.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule};
use crate::sql::model::{ConstraintKind, Kind};

pub(super) const RULE: Rule = Rule {
    id: "fk-in-create-table",
    severity: Severity::Warning,
    why: "the new table is harmless, but writes to the referenced one wait until the transaction ends",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind
        && !it.temporary
    {
        let inline = it.columns.iter().flat_map(|c| &c.constraints);
        let mut seen = Vec::new();
        for constraint in inline.chain(&it.constraints) {
            if let ConstraintKind::ForeignKey(key) = &constraint.kind
                && key.table.key() != it.table.key()
                && !cx.is_new(&key.table)
                && !seen.contains(&key.table.key())
            {
                seen.push(key.table.key());
                hits.add(format!(
                    "creating {} locks {} against writes until commit",
                    it.table, key.table
                ))
                .on(&key.table)
                .help("keep the transaction short and run it with a lock_timeout");
            }
        }
    }
}
