//! What the releases say to the database. This is where a deployment goes right or wrong.

/// A release's statements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    pub(crate) insert: &'static str,
    pub(crate) select: &'static str,
}

pub(crate) fn of(release: &str) -> Sql {
    match release {
        "v2" | "v4" => Sql {
            insert: "INSERT INTO orders (item, note, priority) VALUES ($1, $2, 1) RETURNING id",
            select: "SELECT item, note FROM orders WHERE id = $1",
        },
        // The migration of v3 renames the column, and the code of v3 misspells its new name when it reads.
        "v3" => Sql {
            insert: "INSERT INTO orders (item, remark, priority) VALUES ($1, $2, 1) RETURNING id",
            select: "SELECT item, remarks FROM orders WHERE id = $1",
        },
        "v5" => Sql {
            insert: "WITH o AS (INSERT INTO orders (item, note, priority) VALUES ($1, $2, 1) RETURNING id),
                     e AS (INSERT INTO order_event (order_id, what) SELECT id, 'created' FROM o)
                     SELECT id FROM o",
            select: "SELECT item, note FROM orders WHERE id = $1",
        },
        _ => Sql {
            insert: "INSERT INTO orders (item, note) VALUES ($1, $2) RETURNING id",
            select: "SELECT item, note FROM orders WHERE id = $1",
        },
    }
}
