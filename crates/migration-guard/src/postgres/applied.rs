use crate::postgres::PostgresMigrator;
use crate::postgres::session::Session;
use crate::postgres::state;
use crate::{Applied, Error, Migration};

impl PostgresMigrator {
    /// What the state table records as applied, oldest first, whatever a workspace holds.
    ///
    /// golang-migrate records only the newest version; `known` tells which ones come before it.
    ///
    /// # Errors
    /// [`Connection`](crate::ErrorKind::Connection), [`Database`](crate::ErrorKind::Database).
    pub async fn applied(&self, known: &[Migration]) -> Result<Vec<Applied>, Error> {
        let session = Session::open(self.conninfo(), self.options()).await?;
        Ok(state::read(self.layout(), &session.client, known)
            .await?
            .applied)
    }
}
