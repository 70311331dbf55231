use sqlparser::tokenizer::Token;

use crate::sql::model::{PartitionChange, TableAction};
use crate::sql::mysql::reader::Reader;

/// What ALTER TABLE does to partitions. Behind a list of names nothing else can follow, and what
/// does is left to the caller.
pub(super) fn action(reader: &mut Reader<'_>) -> Option<TableAction> {
    use PartitionChange as P;
    let (change, _) = [
        (P::Introduce, &["partition", "by"][..]),
        (P::Remove, &["remove", "partitioning"]),
        (P::Add, &["add", "partition"]),
        (P::Drop, &["drop", "partition"]),
        (P::Truncate, &["truncate", "partition"]),
        (P::Move, &["coalesce", "partition"]),
        (P::Move, &["reorganize", "partition"]),
        (P::Move, &["rebuild", "partition"]),
        (P::Exchange, &["exchange", "partition"]),
        (P::Exchange, &["convert", "partition"]),
        (P::Exchange, &["convert", "table"]),
        (P::Maintain, &["check", "partition"]),
        (P::Maintain, &["analyze", "partition"]),
        (P::Maintain, &["optimize", "partition"]),
        (P::Maintain, &["repair", "partition"]),
        (P::Maintain, &["discard", "partition"]),
        (P::Maintain, &["import", "partition"]),
    ]
    .into_iter()
    .find(|(_, words)| reader.eat_all(words))?;
    reader.eat_all(&["if", "exists"]);
    let mut names = Vec::new();
    if matches!(change, P::Drop | P::Truncate | P::Exchange | P::Maintain) {
        while let Some(name) = reader.ident() {
            names.push(name);
            if !reader.symbol(&Token::Comma) {
                break;
            }
        }
    }
    if !matches!(change, P::Drop | P::Truncate) {
        let rest = reader.rest().len();
        reader.skip(rest);
    }
    Some(TableAction::Partitions { change, names })
}
