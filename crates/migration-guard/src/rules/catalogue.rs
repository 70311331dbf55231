use crate::lint::{Context, Dialect, Hits, Severity, UnitContext};
use crate::rules;

/// A hazard and how to see it.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    /// Why it is dangerous: one sentence without a full stop.
    pub(crate) why: &'static str,
    pub(crate) check: Check,
}

/// What a rule looks at.
#[derive(Debug)]
pub(crate) enum Check {
    /// Each statement.
    Statement(fn(&Context<'_>, &mut Hits)),
    /// Each file, after its last statement.
    Unit(fn(&UnitContext<'_>, &mut Hits)),
}

/// The rules that speak for a dialect. What a rule says about locks and rewrites is true for one
/// kind of server, so each dialect names its own.
pub(crate) fn of(dialect: Dialect) -> &'static [Rule] {
    match dialect {
        Dialect::Postgres => ALL,
        Dialect::MySql => rules::mysql::ALL,
    }
}

/// Whether any dialect has a rule of this name.
pub(crate) fn known(id: &str) -> bool {
    ALL.iter().chain(rules::mysql::ALL).any(|r| r.id == id)
}

/// Every rule for PostgreSQL, by name.
pub(crate) const ALL: &[Rule] = &[
    rules::add_column_default_pre11::RULE,
    rules::add_column_generated_stored::RULE,
    rules::add_column_identity::RULE,
    rules::add_column_json::RULE,
    rules::add_column_not_null_no_default::RULE,
    rules::add_column_serial::RULE,
    rules::add_column_volatile_default::RULE,
    rules::app_n_1_breakage::RULE,
    rules::attach_partition::RULE,
    rules::autovacuum_off::RULE,
    rules::backfill_no_analyze::RULE,
    rules::chain_conflict::RULE,
    rules::change_null_with_default::RULE,
    rules::check_inline_add_column::RULE,
    rules::check_validating::RULE,
    rules::check_volatile::RULE,
    rules::cluster::RULE,
    rules::collation_change::RULE,
    rules::column_order::RULE,
    rules::concurrently_in_transaction::RULE,
    rules::constraint_unnamed::RULE,
    rules::create_partition_of::RULE,
    rules::create_table_force::RULE,
    rules::create_table_no_pk::RULE,
    rules::create_trigger::RULE,
    rules::ctas::RULE,
    rules::cumulative_lock_budget::RULE,
    rules::data_in_schema_migration::RULE,
    rules::ddl_plus_backfill_same_tx::RULE,
    rules::default_dropped_same_migration::RULE,
    rules::delete_no_where::RULE,
    rules::delete_rows::RULE,
    rules::detach_partition::RULE,
    rules::disable_trigger::RULE,
    rules::disk_headroom::RULE,
    rules::domain_constraint::RULE,
    rules::drop_cascade::RULE,
    rules::drop_column::RULE,
    rules::drop_column_in_index::RULE,
    rules::drop_constraint::RULE,
    rules::drop_constraint_backing_index::RULE,
    rules::drop_database::RULE,
    rules::drop_default::RULE,
    rules::drop_index_not_concurrent::RULE,
    rules::drop_not_null::RULE,
    rules::drop_owned::RULE,
    rules::drop_partition::RULE,
    rules::drop_primary_key::RULE,
    rules::drop_schema::RULE,
    rules::drop_table::RULE,
    rules::drop_trigger::RULE,
    rules::drop_view_function_type::RULE,
    rules::duplicate_assignments::RULE,
    rules::dynamic_sql::RULE,
    rules::enum_add_value::RULE,
    rules::enum_add_value_tx::RULE,
    rules::enum_create::RULE,
    rules::enum_rename_value::RULE,
    rules::exclusion_constraint::RULE,
    rules::extension::RULE,
    rules::fk_add_column_inline::RULE,
    rules::fk_drop_locks_both::RULE,
    rules::fk_in_create_table::RULE,
    rules::fk_locks_both::RULE,
    rules::fk_missing_index::RULE,
    rules::fk_on_delete_implicit::RULE,
    rules::fk_type_mismatch::RULE,
    rules::fk_validating::RULE,
    rules::function_volatility::RULE,
    rules::grants::RULE,
    rules::identifier_too_long::RULE,
    rules::identity_generated_alter::RULE,
    rules::if_exists_robust::RULE,
    rules::index_count_limit::RULE,
    rules::index_hash_pg9::RULE,
    rules::index_not_concurrent::RULE,
    rules::index_partitioned_parent::RULE,
    rules::index_redundant::RULE,
    rules::index_too_wide::RULE,
    rules::index_type_choice::RULE,
    rules::index_unnamed::RULE,
    rules::index_with_lock_held::RULE,
    rules::inherit_detach::RULE,
    rules::invalid_index_retry::RULE,
    rules::lock_table::RULE,
    rules::lock_timeout_ineffective::RULE,
    rules::lock_timeout_too_long::RULE,
    rules::multiple_alter_same_table::RULE,
    rules::naming::RULE,
    rules::no_idle_tx_timeout::RULE,
    rules::no_lock_timeout::RULE,
    rules::no_statement_timeout::RULE,
    rules::not_enforced::RULE,
    rules::not_valid_never_validated::RULE,
    rules::not_valid_validate_same_tx::RULE,
    rules::outside_effects::RULE,
    rules::partition_default_growth::RULE,
    rules::partition_parent_fanout::RULE,
    rules::partition_pk::RULE,
    rules::pk_add::RULE,
    rules::pk_using_nullable_index::RULE,
    rules::publication_ddl::RULE,
    rules::refresh_matview::RULE,
    rules::refresh_matview_concurrent::RULE,
    rules::reindex_not_concurrent::RULE,
    rules::rename_column::RULE,
    rules::rename_other::RULE,
    rules::rename_schema::RULE,
    rules::rename_table::RULE,
    rules::replica_identity::RULE,
    rules::required_columns_comments::RULE,
    rules::rls::RULE,
    rules::savepoint_xid::RULE,
    rules::schema_unqualified::RULE,
    rules::security_definer_path::RULE,
    rules::sequence_reset::RULE,
    rules::set_access_method::RULE,
    rules::set_default::RULE,
    rules::set_logged_unlogged::RULE,
    rules::set_not_null::RULE,
    rules::set_not_null_pg18::RULE,
    rules::set_tablespace::RULE,
    rules::sql_injection::RULE,
    rules::statement_timeout_kills_cic::RULE,
    rules::stmt_after_aex::RULE,
    rules::storage_params::RULE,
    rules::system_settings::RULE,
    rules::timescale_citus::RULE,
    rules::toast_bloat::RULE,
    rules::truncate::RULE,
    rules::truncate_cascade::RULE,
    rules::tx_nesting::RULE,
    rules::tx_required_mix::RULE,
    rules::tx_unclosed::RULE,
    rules::type_change_check_recheck::RULE,
    rules::type_change_indexed_stats::RULE,
    rules::type_change_rewrite::RULE,
    rules::type_change_safe_widening::RULE,
    rules::type_char::RULE,
    rules::type_int_pk::RULE,
    rules::type_narrowing::RULE,
    rules::type_serial::RULE,
    rules::type_timestamp::RULE,
    rules::type_varchar::RULE,
    rules::unanalysed::RULE,
    rules::unique_constraint::RULE,
    rules::unique_data_dependent::RULE,
    rules::update_no_where::RULE,
    rules::update_rows::RULE,
    rules::vacuum_full::RULE,
    rules::view_change::RULE,
    rules::wide_lock_window::RULE,
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
