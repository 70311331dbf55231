//! MySQL and MariaDB, by way of `mariadb-dump` and `mariadb`, or `mysqldump` and `mysql`.

mod address;
mod body;
mod child;
mod contents;
mod counting;
mod dump;
mod facts;
mod options;
mod reading;
mod restore;
mod rows;
mod scanner;
mod scratch;
mod session;
mod source;
mod statement;
mod table;
mod tokens;
mod tools;

pub use options::{MarkPlace, MysqlOptions};
pub use source::MysqlSource;
