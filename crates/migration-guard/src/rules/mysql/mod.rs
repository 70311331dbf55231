//! What MySQL and MariaDB do differently, and the rules that speak for them: those of this
//! folder, and those of PostgreSQL whose every word is true here as well.

mod add_column_not_null_no_default;
mod app_n_1_breakage;
mod chain_conflict;
mod cost;
mod create_table_no_pk;
mod create_trigger;
mod ctas;
mod drop_column_in_index;
mod drop_constraint;
mod drop_partition;
mod drop_trigger;
mod effects;
mod fk_banned;
mod identifier_too_long;
mod index_count_limit;
mod index_redundant;
mod index_too_wide;
mod lock_table;
mod multiple_alter_same_table;
mod my_add_check;
mod my_add_column_position;
mod my_add_fk;
mod my_auto_increment;
mod my_charset;
mod my_copy_algorithm;
mod my_drop_column_pre8029;
mod my_engine;
mod my_enum_set_change;
mod my_fulltext_spatial;
mod my_implicit_update;
mod my_inline_references;
mod my_lock_option;
mod my_mdl_wait;
mod my_no_tx_ddl;
mod my_partition;
mod my_pk_change;
mod my_set_not_null;
mod my_stored_generated;
mod my_type_change;
mod naming;
mod redefine;
mod required_columns_comments;
mod schema;
mod truncate;
mod type_narrowing;
mod vacuum_full;
mod view_change;
mod walk;

use crate::lint::Finding;
use crate::rules::{self, Rule};
use crate::sql::Name;
use crate::sql::mysql::quoted;

pub(crate) use effects::effects;
pub(crate) use schema::Schema;

/// Names are quoted with backticks here; the rules of both dialects do not know.
pub(crate) fn respell(finding: &mut Finding, table: &Name) {
    let (theirs, ours) = (table.to_string(), quoted(table));
    if theirs == ours {
        return;
    }
    finding.message = finding.message.replace(&theirs, &ours);
    finding.help = finding.help.take().map(|h| h.replace(&theirs, &ours));
    if let Some(loss) = &mut finding.data_loss {
        loss.table.clone_from(&ours);
    }
    finding.table = Some(ours);
}

/// Every rule for MySQL, by name.
pub(crate) const ALL: &[Rule] = &[
    add_column_not_null_no_default::RULE,
    app_n_1_breakage::RULE,
    chain_conflict::RULE,
    create_table_no_pk::RULE,
    create_trigger::RULE,
    ctas::RULE,
    rules::data_in_schema_migration::RULE,
    rules::default_dropped_same_migration::RULE,
    rules::delete_no_where::RULE,
    rules::delete_rows::RULE,
    rules::drop_column::RULE,
    drop_column_in_index::RULE,
    drop_constraint::RULE,
    rules::drop_database::RULE,
    rules::drop_default::RULE,
    drop_partition::RULE,
    rules::drop_table::RULE,
    drop_trigger::RULE,
    rules::drop_view_function_type::RULE,
    rules::duplicate_assignments::RULE,
    rules::dynamic_sql::RULE,
    fk_banned::RULE,
    rules::fk_on_delete_implicit::RULE,
    rules::function_volatility::RULE,
    rules::grants::RULE,
    identifier_too_long::RULE,
    index_count_limit::RULE,
    index_redundant::RULE,
    index_too_wide::RULE,
    lock_table::RULE,
    multiple_alter_same_table::RULE,
    my_add_check::RULE,
    my_add_column_position::RULE,
    my_add_fk::RULE,
    my_auto_increment::RULE,
    my_charset::RULE,
    my_copy_algorithm::RULE,
    my_drop_column_pre8029::RULE,
    my_engine::RULE,
    my_enum_set_change::RULE,
    my_fulltext_spatial::RULE,
    my_implicit_update::RULE,
    my_inline_references::RULE,
    my_lock_option::RULE,
    my_mdl_wait::RULE,
    my_no_tx_ddl::RULE,
    my_partition::RULE,
    my_pk_change::RULE,
    my_set_not_null::RULE,
    my_stored_generated::RULE,
    my_type_change::RULE,
    naming::RULE,
    rules::rename_column::RULE,
    rules::rename_table::RULE,
    required_columns_comments::RULE,
    rules::set_default::RULE,
    rules::system_settings::RULE,
    truncate::RULE,
    type_narrowing::RULE,
    rules::unanalysed::RULE,
    rules::update_no_where::RULE,
    rules::update_rows::RULE,
    vacuum_full::RULE,
    view_change::RULE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sorted() {
        let ids: Vec<_> = ALL.iter().map(|r| r.id.replace('-', "_")).collect();
        let mut sorted = ids.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }
}
