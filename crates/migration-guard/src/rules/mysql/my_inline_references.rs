//! REFERENCES at a column: MySQL before 9.0 reads it and does nothing.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk::{self, Defined};
use crate::rules::{Check, Rule};
use crate::sql::model::ConstraintKind;
use crate::sql::mysql::quoted;

pub(super) const RULE: Rule = Rule {
    id: "my-inline-references",
    severity: Severity::Error,
    why: "MySQL before 9.0 takes it and makes no foreign key, MariaDB makes one: nothing protects the rows where it is ignored",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    let server = &cx.options.mysql_server;
    if !server.may_be_mysql() || server.mysql_has((9, 0, 0)) {
        return;
    }
    for Defined { table, column, .. } in walk::columns(cx) {
        for constraint in &column.constraints {
            if let ConstraintKind::ForeignKey(key) = &constraint.kind {
                let parent = quoted(&key.table);
                hits.add(format!(
                    "{} of {} refers to {parent} in words only",
                    column.name,
                    quoted(table)
                ))
                .on(table)
                .help(format!(
                    "FOREIGN KEY ({}) REFERENCES {parent} (…)",
                    column.name
                ));
            }
        }
    }
}
