//! From a PostgreSQL syntax tree to the model.
//!
//! Tables, indexes and data statements are read from the typed tree. The long tail of short
//! statements is read from its words: the parser has already proved that they are well formed.

mod data;
mod expr;
mod object;
mod routine;
mod session;
mod statement;
mod table;
mod words;

pub(crate) use data::select as query;
pub(crate) use statement::statement;
