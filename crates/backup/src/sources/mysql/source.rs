use std::fmt;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

use super::address::Address;
use super::options::MysqlOptions;
use crate::{
    Destination, Error, Fingerprint, Format, Found, Progress, RestoreReport, Snapshot, Source,
};

/// A MySQL or MariaDB database.
///
/// Dumps with `mariadb-dump` or `mysqldump`, whichever is the server's own, and restores with the
/// client beside it. They get the password in a file that exists in memory only, and are killed
/// when the future is dropped.
///
/// # What is proven
/// The fingerprint is read from the dump's own text, so it is of exactly the rows in it. That the
/// text has every row is checked by counting them in a snapshot of the same moment, for which all
/// writers wait for some tens of milliseconds (`FLUSH TABLES WITH READ LOCK`). A user without that
/// right, tables that are not in any snapshot (MyISAM, Aria, MEMORY), and a user who may not see
/// triggers limit what can be proven to `restored`; values of type `float` that the server does
/// not write in full, to `counts`.
///
/// # What a restored database is
/// A new one under the name that was asked for: there is no renaming of databases, so going over
/// to it is the service's configuration. Its events sleep (`DISABLE ON SLAVE`), because they would
/// run beside those they were copied from.
///
/// # Rights
/// `SELECT`, `SHOW VIEW`, `TRIGGER`, `EVENT` and `LOCK TABLES` on the database to dump it, and to
/// see routines `SELECT` on `mysql.proc` or `SHOW_ROUTINE`; `RELOAD` for the counts. To restore,
/// all rights on the new database, and `SET USER` or `SUPER` when definers are other users.
#[derive(Clone)]
pub struct MysqlSource {
    pub(super) address: Address,
    pub(super) options: MysqlOptions,
    label: String,
}

impl MysqlSource {
    /// The database that a URL such as `mysql://user:password@host:3306/shop` names.
    ///
    /// The scheme may be `mariadb` too. Parameters: `socket` (a path), `require_ssl`, `verify_ca`,
    /// `verify_identity`, `built_in_roots` (`true` or `false`), and `ssl-mode` as MySQL's own
    /// tools know it.
    ///
    /// # Errors
    /// `InvalidInput`, without repeating the URL.
    pub fn new(url: &str, options: MysqlOptions) -> Result<Self, Error> {
        let address = Address::parse(url, &options)?;
        let label = address.to_string();
        Ok(Self {
            address,
            options,
            label,
        })
    }
}

impl fmt::Debug for MysqlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MysqlSource").field(&self.label).finish()
    }
}

#[async_trait]
impl Source for MysqlSource {
    fn name(&self) -> &str {
        &self.label
    }

    fn format(&self) -> Format {
        Format::Mysql
    }

    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error> {
        self.dump_snapshot(sink, &()).await
    }

    async fn dump_watched(
        &self,
        sink: &mut (dyn AsyncWrite + Send + Unpin),
        progress: &dyn Progress,
    ) -> Result<Snapshot, Error> {
        self.dump_snapshot(sink, progress).await
    }

    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error> {
        self.count_entries(archive).await
    }

    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error> {
        self.restore_into(archive, into).await
    }

    async fn fingerprint(&self) -> Result<Fingerprint, Error> {
        self.fingerprint_at(self.address.database()).await
    }

    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
        self.fingerprint_at(database).await
    }

    async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
        self.find_database(database).await
    }

    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
        self.set_purpose(database, purpose).await
    }

    async fn discard(&self, database: &str) -> Result<(), Error> {
        self.drop_made_by_us(database).await
    }
}
