//! MySQL and MariaDB, lowered to the same model as PostgreSQL. DDL is read by readers of our own
//! over sqlparser's tokens: it does not know half of what ALTER TABLE can say, and one clause
//! that it does not know must not hide the others. Data statements are sqlparser's.

mod alter;
mod alter_options;
mod column;
mod create;
mod data;
mod drop;
mod key;
mod parse;
mod partition;
mod reader;
mod server;
mod session;
mod split;
mod statement;
pub(crate) mod types;

pub(crate) use alter_options::get as option_of;
pub(crate) use column::quoted;
pub(super) use parse::script;
pub use server::MySqlServer;
