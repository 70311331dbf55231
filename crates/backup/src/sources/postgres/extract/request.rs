/// What to export of one table.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extract {
    /// The table with its schema, quoted as in a statement: `public.orders`, `shop."Order Items"`.
    pub table: String,
    /// Names of columns, as the catalogue has them; their key comes with them. `None` for all.
    pub columns: Option<Vec<String>>,
    /// A condition that a row has to meet, as it would follow `WHERE`. It is the operator's own
    /// SQL, runs in a transaction that only reads, and has to name the schema of whatever is not
    /// the server's own.
    pub filter: Option<String>,
}

impl Extract {
    /// All of a table.
    #[must_use]
    pub fn table(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            columns: None,
            filter: None,
        }
    }

    /// Some of a table's columns, with its key.
    #[must_use]
    pub fn columns<S: Into<String>>(
        table: impl Into<String>,
        columns: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            table: table.into(),
            columns: Some(columns.into_iter().map(Into::into).collect()),
            filter: None,
        }
    }

    /// The same, of rows that meet this condition.
    #[must_use]
    pub fn with_filter(mut self, filter: impl Into<String>) -> Self {
        self.filter = Some(filter.into());
        self
    }
}
