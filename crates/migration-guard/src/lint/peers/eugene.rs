//! eugene's hints.

use crate::lint::peers::Table;

pub(super) const RULES: Table = &[
    (
        "E1",
        &[
            "fk-validating",
            "check-validating",
            "check-inline-add-column",
        ],
    ),
    ("E10", &["add-column-volatile-default"]),
    ("E11", &["add-column-serial", "add-column-generated-stored"]),
    ("E15", &["fk-missing-index"]),
    ("E2", &["set-not-null"]),
    ("E3", &["add-column-json"]),
    (
        "E4",
        &[
            "index-with-lock-held",
            "not-valid-validate-same-tx",
            "ddl-plus-backfill-same-tx",
            "stmt-after-aex",
        ],
    ),
    ("E5", &["type-change-rewrite"]),
    ("E6", &["index-not-concurrent"]),
    ("E7", &["unique-constraint"]),
    ("E8", &["exclusion-constraint"]),
    ("E9", &["no-lock-timeout"]),
    ("W12", &["multiple-alter-same-table"]),
    ("W13", &["enum-create"]),
    ("W14", &["pk-using-nullable-index"]),
];
