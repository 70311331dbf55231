//! The text of a plain dump, read before `psql` gets to see it.
//!
//! What a dump restores runs with the rights of whoever restores, beside the live database. So
//! only what `pg_dump` itself writes passes: each statement is looked for on a list of those that
//! are known, and whatever is not on it is refused. The text is cut into statements as `psql`
//! and the server both do; where the two could see different things, it is refused too.
//!
//! What the definitions of a dump do once they are made is not looked at: a function in a check,
//! a default, a generated column or an index runs while rows come and indexes are built.

mod between;
mod calls;
mod cursor;
mod lexing;
mod naming;
mod passing;
mod refusal;
mod rows;
mod scanner;
mod statement;
#[cfg(test)]
mod tests;

pub(super) use scanner::Script;
