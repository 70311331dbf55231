//! ENGINE.

use crate::lint::{Context, Hits, Severity};
use crate::rules::mysql::walk;
use crate::rules::{Check, Rule};
use crate::sql::model::Kind;
use crate::sql::mysql::{option_of, quoted};

pub(super) const RULE: Rule = Rule {
    id: "my-engine",
    severity: Severity::Warning,
    why: "ENGINE writes every row anew, and engines other than InnoDB have no transactions and no backup without a lock",
    check: Check::Statement(check),
};

fn check(cx: &Context<'_>, hits: &mut Hits) {
    if let Kind::CreateTable(it) = cx.kind
        && let Some(engine) = option_of(&it.options, "engine")
        && engine != "innodb"
        && !it.temporary
    {
        hits.add(format!("{} is a table of {engine}", quoted(&it.table)))
            .on(&it.table)
            .help("ENGINE=InnoDB");
    }
    if let Kind::Set { name, value, .. } = cx.kind
        && matches!(name.as_str(), "default_storage_engine" | "storage_engine")
        && value != "innodb"
    {
        hits.add(format!("tables from here on are of {value}"))
            .help("ENGINE=InnoDB at the table that needs another one");
    }
    if let Some(it) = walk::alter(cx)
        && let Some(engine) = walk::setting(it, "engine")
    {
        let name = quoted(&it.table);
        let was = cx.schema.table(&it.table).and_then(|t| t.engine.as_deref());
        let other = engine != "innodb" || was.is_some_and(|was| was != engine);
        let hit = if other {
            hits.add(format!("{name} is copied into {engine}"))
        } else {
            hits.add(format!(
                "{name} is written anew, if it is not copied from another engine"
            ))
        };
        hit.on(&it.table)
            .help("with gh-ost or pt-online-schema-change");
        match (cx.is_new(&it.table), other) {
            (true, _) if engine == "innodb" => hit.severity(Severity::Info),
            (false, true) => hit.severity(Severity::Error),
            _ => hit,
        };
    }
}
