//! What sorts of statements there are, as the replay sees them.

use crate::sql::model::Kind;

impl Kind {
    /// Whether it reads or writes rows and changes nothing else.
    pub(crate) fn is_data(&self) -> bool {
        matches!(
            self,
            Self::Insert { .. }
                | Self::Update { .. }
                | Self::Delete { .. }
                | Self::Merge { .. }
                | Self::Copy { .. }
                | Self::Select { .. }
        )
    }

    /// Whether it is DDL, as against data and session statements.
    pub(crate) fn changes_schema(&self) -> bool {
        if self.drops_temporaries() {
            return false;
        }
        matches!(
            self,
            Self::CreateTable(_)
                | Self::CreateTableAs { .. }
                | Self::AlterTable(_)
                | Self::CreateIndex(_)
                | Self::AlterIndex { .. }
                | Self::CreateView { .. }
                | Self::CreateMaterializedView { .. }
                | Self::CreateFunction(_)
                | Self::CreateTrigger { .. }
                | Self::CreateSequence { .. }
                | Self::AlterSequence { .. }
                | Self::CreateType { .. }
                | Self::AlterType { .. }
                | Self::CreateDomain { .. }
                | Self::AlterDomain { .. }
                | Self::CreateSchema { .. }
                | Self::CreateExtension { .. }
                | Self::AlterExtension { .. }
                | Self::CreatePolicy { .. }
                | Self::ChangePolicy { .. }
                | Self::CreateRule { .. }
                | Self::Drop(_)
                | Self::Rename { .. }
                | Self::SetSchema { .. }
        )
    }
}
