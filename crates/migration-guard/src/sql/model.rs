//! What statements do, freed of syntax. Rules match on this and never on a syntax tree, so a
//! second dialect is a second lowering, not a second set of rules.

/// An object's name as the server stores it: folded unless quoted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// The schema of temporary tables, which only their own session sees. MySQL has none, and its temporary
/// tables get it here as well.
pub(crate) const TEMPORARY: &str = "pg_temp";

impl Name {
    /// The temporary table of this name.
    pub(crate) fn temporary(name: impl Into<String>) -> Self {
        Self {
            schema: Some(TEMPORARY.to_owned()),
            name: name.into(),
        }
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.schema.as_deref() == Some(TEMPORARY)
    }

    pub(crate) fn bare(name: impl Into<String>) -> Self {
        Self {
            schema: None,
            name: name.into(),
        }
    }

    /// The name that has `key` as its key.
    pub(crate) fn of_key(key: &str) -> Self {
        match key.split_once('.') {
            Some((schema, name)) => Self {
                schema: Some(schema.to_owned()),
                name: name.to_owned(),
            },
            None => Self::bare(key),
        }
    }

    /// Two spellings of one table are one key: `t` and `public.t`.
    pub(crate) fn key(&self) -> String {
        match &self.schema {
            Some(schema) if schema != "public" => format!("{schema}.{}", self.name),
            _ => self.name.clone(),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quoted(schema))?;
        }
        f.write_str(&quoted(&self.name))
    }
}

/// Quotes an identifier where PostgreSQL would need it.
pub(crate) fn quoted(name: &str) -> String {
    let plain = name
        .bytes()
        .enumerate()
        .all(|(i, b)| b == b'_' || b.is_ascii_lowercase() || (i > 0 && b.is_ascii_digit()));
    if plain && !name.is_empty() {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    CreateTable(CreateTable),
    CreateTableAs {
        table: Name,
        if_not_exists: bool,
        temporary: bool,
        /// ON COMMIT DROP.
        until_commit: bool,
        with_data: bool,
    },
    AlterTable(AlterTable),
    CreateIndex(CreateIndex),
    AlterIndex {
        index: Name,
        action: AlterIndex,
    },
    CreateView {
        name: Name,
        or_replace: bool,
    },
    CreateMaterializedView {
        name: Name,
        with_data: bool,
    },
    CreateFunction(CreateFunction),
    CreateTrigger {
        table: Name,
        fires: Fires,
    },
    CreateSequence {
        name: Name,
        if_not_exists: bool,
    },
    AlterSequence {
        name: Name,
        change: SequenceChange,
    },
    CreateType {
        name: Name,
        values: Option<Vec<String>>,
    },
    AlterType {
        name: Name,
        action: AlterType,
    },
    CreateDomain {
        name: Name,
        constrained: bool,
    },
    AlterDomain {
        name: Name,
        action: AlterDomain,
    },
    CreateSchema {
        name: String,
        if_not_exists: bool,
        elements: bool,
    },
    CreateExtension {
        name: String,
        if_not_exists: bool,
        versioned: bool,
    },
    AlterExtension {
        name: String,
    },
    CreatePolicy {
        table: Name,
    },
    ChangePolicy {
        table: Name,
    },
    CreateRule {
        table: Name,
        fires: Fires,
    },
    CreateDatabase,
    /// A new object that other statements may pick up: a cast, an operator, a foreign server.
    CreateOther,
    CreatePublication,
    Drop(Drop),
    /// A rename of something that is neither a table nor a column.
    Rename {
        object: Object,
        from: Name,
        to: String,
    },
    SetSchema {
        object: Object,
        name: Name,
    },
    Comment {
        table: Option<Name>,
    },
    Grant {
        broad: bool,
        revoke: bool,
    },
    Roles,
    SystemSettings,
    Truncate {
        tables: Vec<Name>,
        cascade: bool,
    },
    Insert {
        table: Name,
        from_query: bool,
        sources: Vec<Name>,
        explicit_columns: Vec<String>,
    },
    Update {
        table: Name,
        filter: Filter,
        columns: Vec<String>,
    },
    Delete {
        table: Name,
        filter: Filter,
    },
    Merge {
        table: Name,
    },
    Copy {
        table: Option<Name>,
        into: bool,
    },
    Select {
        functions: Vec<String>,
        into: Option<Name>,
        writes: Vec<Kind>,
    },
    Reindex {
        concurrently: bool,
        scope: String,
        name: Option<Name>,
    },
    Vacuum {
        full: bool,
        tables: Vec<Name>,
    },
    Analyze {
        tables: Vec<Name>,
    },
    Cluster {
        table: Option<Name>,
    },
    RefreshView {
        view: Name,
        concurrently: bool,
        with_data: bool,
    },
    LockTable {
        tables: Vec<Name>,
        mode: String,
    },
    Begin,
    Commit,
    Rollback,
    Savepoint,
    /// RELEASE SAVEPOINT.
    SavepointEnd,
    RollbackTo,
    Set {
        local: bool,
        name: String,
        value: String,
    },
    /// RESET of a parameter or of `all`; DISCARD is `discard all`, `discard temp` and the like.
    Reset {
        name: String,
    },
    Do {
        body: Vec<Inner>,
        /// Why the body as a whole cannot be looked into.
        opaque: Option<String>,
    },
    /// Inside a body: SQL that is put together at run time.
    Dynamic,
    Call {
        name: Name,
    },
    /// One statement that does the work of several, in this order: RENAME TABLE a TO b, c TO d.
    Several(Vec<Kind>),
    /// MySQL: CREATE or ALTER DATABASE with its settings, names in lower case.
    DatabaseSettings {
        settings: Vec<(String, String)>,
    },
    /// MySQL: OPTIMIZE TABLE, which builds the table anew.
    OptimizeTable {
        tables: Vec<Name>,
    },
    /// Understood, and not able to hurt: SHOW, EXPLAIN, NOTIFY, SECURITY LABEL…
    Harmless,
    /// Parsed, and not understood: fails closed.
    Unanalysed,
}

/// A statement inside a DO block or a routine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Inner {
    /// The byte in the text around it at which it starts.
    pub(crate) at: usize,
    /// Line and column in the file, from 1; set when the file is read to its end.
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) kind: Kind,
    /// Whether something around it decides if it runs, or catches its error.
    pub(crate) conditional: bool,
}

/// What a trigger or a rule does when rows of its table change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fires {
    /// Its own name.
    pub(crate) name: String,
    /// INSERT, UPDATE, DELETE, TRUNCATE, in lower case.
    pub(crate) on: Vec<String>,
    /// The function of a trigger; a rule says itself what it does.
    pub(crate) function: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateTable {
    pub(crate) table: Name,
    pub(crate) if_not_exists: bool,
    pub(crate) temporary: bool,
    /// ON COMMIT DROP.
    pub(crate) until_commit: bool,
    pub(crate) unlogged: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) like: Vec<Name>,
    pub(crate) partition_of: Option<Name>,
    pub(crate) default_partition: bool,
    pub(crate) partition_by: Option<Vec<String>>,
    pub(crate) inherits: Vec<Name>,
    /// The parameters of WITH (…), lowercase.
    pub(crate) options: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) constraints: Vec<Constraint>,
}

impl Column {
    pub(crate) fn has(&self, wanted: impl Fn(&ConstraintKind) -> bool) -> bool {
        self.constraints.iter().any(|c| wanted(&c.kind))
    }

    pub(crate) fn default(&self) -> Option<&Expr> {
        self.constraints.iter().find_map(|c| match &c.kind {
            ConstraintKind::Default(expr) => Some(expr),
            _ => None,
        })
    }

    pub(crate) fn not_null(&self) -> bool {
        self.has(|k| {
            matches!(
                k,
                ConstraintKind::NotNull { .. } | ConstraintKind::PrimaryKey { .. }
            )
        })
    }
}

/// A type by its catalogue name: `integer`, never `int4`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) args: Vec<i64>,
    pub(crate) array: bool,
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if !self.args.is_empty() {
            let args: Vec<String> = self.args.iter().map(ToString::to_string).collect();
            write!(f, "({})", args.join(", "))?;
        }
        f.write_str(if self.array { "[]" } else { "" })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constraint {
    pub(crate) name: Option<String>,
    pub(crate) kind: ConstraintKind,
    pub(crate) not_valid: bool,
    pub(crate) not_enforced: bool,
    pub(crate) deferrable: bool,
    /// NULLS NOT DISTINCT: two nulls are one value twice.
    pub(crate) nulls_not_distinct: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConstraintKind {
    NotNull {
        column: Option<String>,
    },
    Null,
    Default(Expr),
    Check(Expr),
    Unique {
        columns: Vec<String>,
        using_index: Option<String>,
    },
    PrimaryKey {
        columns: Vec<String>,
        using_index: Option<String>,
    },
    ForeignKey(ForeignKey),
    Exclude,
    Stored,
    Virtual,
    Identity,
    /// MySQL: AUTO_INCREMENT.
    AutoIncrement,
    /// MySQL: COMMENT.
    Comment,
    /// MySQL: the members of ENUM or SET, in their order.
    Members(Vec<String>),
    /// MySQL: CHARACTER SET of a column.
    Charset(String),
    /// MySQL: COLLATE of a column.
    Collate(String),
    /// MySQL: FIRST (`None`) or AFTER a column.
    Position(Option<String>),
    /// MySQL: KEY, FULLTEXT KEY, SPATIAL KEY; the method in lower case.
    Index {
        columns: Vec<String>,
        method: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForeignKey {
    pub(crate) table: Name,
    pub(crate) columns: Vec<String>,
    /// The referenced columns; empty means the primary key.
    pub(crate) to: Vec<String>,
    pub(crate) on_delete: Option<String>,
    /// MATCH FULL: some nulls are not enough to be exempt.
    pub(crate) match_full: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expr {
    pub(crate) text: String,
    pub(crate) volatility: Volatility,
    /// The column, if the expression says exactly `column IS NOT NULL`.
    pub(crate) not_null_of: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Volatility {
    /// The same for all rows of one statement, now() included.
    Fixed,
    Volatile(String),
    /// A function that we do not know.
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlterTable {
    pub(crate) table: Name,
    pub(crate) object: Object,
    pub(crate) if_exists: bool,
    pub(crate) actions: Vec<TableAction>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TableAction {
    AddColumn {
        column: Column,
        if_not_exists: bool,
    },
    DropColumn {
        column: String,
        if_exists: bool,
        cascade: bool,
    },
    RenameColumn {
        from: String,
        to: String,
    },
    RenameTable {
        to: String,
    },
    RenameConstraint {
        from: String,
        to: String,
    },
    SetSchema {
        to: String,
    },
    AddConstraint(Constraint),
    DropConstraint {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    ValidateConstraint {
        name: String,
    },
    AlterConstraint,
    SetType {
        column: String,
        ty: Type,
        collate: bool,
        using: Option<String>,
    },
    SetDefault {
        column: String,
        value: Expr,
    },
    DropDefault {
        column: String,
    },
    SetNotNull {
        column: String,
    },
    DropNotNull {
        column: String,
    },
    /// ADD/SET/DROP of identity or of a generation expression.
    Generated {
        column: String,
        rewrites: bool,
    },
    /// SET STATISTICS, SET STORAGE, SET COMPRESSION, SET (n_distinct = …).
    ColumnTuning,
    /// SET STORAGE, SET COMPRESSION.
    ColumnStorage,
    AttachPartition {
        partition: Name,
        default: bool,
    },
    DetachPartition {
        partition: Name,
        concurrently: bool,
    },
    SetLogged {
        logged: bool,
    },
    SetTablespace,
    SetAccessMethod,
    SetOptions {
        text: String,
    },
    Triggers {
        enable: bool,
    },
    RowSecurity,
    ReplicaIdentity,
    Inherit {
        parent: Name,
        /// NO INHERIT otherwise.
        begins: bool,
    },
    OwnerTo,
    ClusterOn,
    /// MySQL's MODIFY and CHANGE: the whole column is said anew, and what is not said is gone.
    RedefineColumn {
        from: String,
        column: Column,
    },
    /// MySQL: a table option, ALGORITHM or LOCK; the name in lower case.
    Setting {
        name: String,
        value: String,
    },
    /// MySQL: CONVERT TO CHARACTER SET.
    ConvertCharset {
        to: String,
    },
    DropPrimaryKey,
    DropIndex {
        name: String,
        if_exists: bool,
    },
    RenameIndex {
        from: String,
        to: String,
    },
    /// MySQL: what is done to partitions, and to which.
    Partitions {
        change: PartitionChange,
        names: Vec<String>,
    },
    Other(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionChange {
    Add,
    Drop,
    Truncate,
    /// COALESCE, REORGANIZE, REBUILD: rows move.
    Move,
    Exchange,
    /// PARTITION BY.
    Introduce,
    /// REMOVE PARTITIONING.
    Remove,
    /// CHECK, ANALYZE, OPTIMIZE, REPAIR, IMPORT, DISCARD.
    Maintain,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateIndex {
    pub(crate) name: Option<String>,
    pub(crate) table: Name,
    pub(crate) unique: bool,
    pub(crate) concurrently: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) only: bool,
    pub(crate) method: Option<String>,
    /// Column names; an expression has its text in parentheses.
    pub(crate) columns: Vec<String>,
    /// The same as SQL, as it was written, with the collation and without the order.
    pub(crate) terms: Vec<String>,
    pub(crate) partial: bool,
    /// The condition of a partial index, as it was written.
    pub(crate) predicate: Option<String>,
    pub(crate) nulls_not_distinct: bool,
    pub(crate) expressions: bool,
    pub(crate) options: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AlterIndex {
    Rename { to: String },
    AttachPartition,
    SetTablespace,
    Tuning,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateFunction {
    pub(crate) name: Name,
    pub(crate) or_replace: bool,
    pub(crate) security_definer: bool,
    pub(crate) sets_search_path: bool,
    pub(crate) dynamic: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SequenceChange {
    Type,
    Values,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AlterType {
    AddValue {
        value: String,
        placed: bool,
        if_not_exists: bool,
    },
    RenameValue,
    AddAttribute,
    RenameAttribute,
    ChangeAttribute,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AlterDomain {
    AddConstraint { not_valid: bool },
    SetNotNull,
    Validate,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drop {
    pub(crate) object: Object,
    pub(crate) names: Vec<Name>,
    pub(crate) if_exists: bool,
    pub(crate) cascade: bool,
    pub(crate) concurrently: bool,
    /// The table of a trigger, a policy or a rule.
    pub(crate) on: Option<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    Table,
    Index,
    View,
    MaterializedView,
    Sequence,
    Schema,
    Database,
    Type,
    Domain,
    Function,
    Trigger,
    Policy,
    Rule,
    Extension,
    ForeignTable,
    Role,
    Publication,
    Owned,
    Other,
}

impl Object {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Index => "INDEX",
            Self::View => "VIEW",
            Self::MaterializedView => "MATERIALIZED VIEW",
            Self::Sequence => "SEQUENCE",
            Self::Schema => "SCHEMA",
            Self::Database => "DATABASE",
            Self::Type => "TYPE",
            Self::Domain => "DOMAIN",
            Self::Function => "FUNCTION",
            Self::Trigger => "TRIGGER",
            Self::Policy => "POLICY",
            Self::Rule => "RULE",
            Self::Extension => "EXTENSION",
            Self::ForeignTable => "FOREIGN TABLE",
            Self::Role => "ROLE",
            Self::Publication => "PUBLICATION",
            Self::Owned => "OWNED",
            Self::Other => "OBJECT",
        }
    }
}

/// Which rows an UPDATE or DELETE takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// No WHERE, or one that is always true.
    All,
    Some,
}
