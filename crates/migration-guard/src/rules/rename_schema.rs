//! RENAME of a schema, or SET SCHEMA.

use crate::lint::{Context, Hits, Severity};
use crate::rules::{Check, Rule, walk};
use crate::sql::model::{Kind, Object, TableAction};

pub(super) const RULE: Rule = Rule {
    id: "rename-schema",
    severity: Severity::Error,
    why: "every qualified reference to the old place fails at once",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    match cx.kind {
        Kind::Rename {
            object: Object::Schema,
            from,
            to,
        } => {
            hits.add(format!("schema {from} becomes {to} while old code runs"));
        }
        Kind::SetSchema { object, name } => {
            let what = object.sql().to_ascii_lowercase();
            hits.add(format!("{what} {name} moves to another schema"));
        }
        _ => {}
    }
    for (table, action) in walk::actions(cx) {
        if let TableAction::SetSchema { to } = action {
            hits.add(format!("{table} moves to schema {to} while old code runs"))
                .on(table);
        }
    }
}
