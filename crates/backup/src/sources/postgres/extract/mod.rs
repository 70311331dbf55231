//! Single tables and single columns: out of a database, and back into it.
//!
//! An archive is a tar. `extract.json` comes first and says what the tables are; then each table's
//! rows as CSV, cut into members of bounded size when there are many; `rows.json` comes last, with
//! counts and hashes, so that an archive without it is not a whole one.

mod csv;
mod describe;
mod document;
mod drift;
mod dump;
mod family;
mod live;
mod load;
mod pack;
mod put_back;
mod reading;
mod request;
mod sequences;
mod source;
mod statements;
mod unpack;
mod write;

pub use put_back::{ConstraintChecks, OnConflict, PutBack, PutBackMode, PutBackOptions, RowCounts};
pub use request::Extract;
pub use source::ExtractSource;
