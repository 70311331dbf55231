//! Dumps that other programs made, below whatever they compressed and encrypted them with.

mod about;
mod kind;
mod openssl;
mod peel;
mod through;
mod unzstd;

pub(crate) use about::About;
pub(crate) use peel::{Key, peel, unreadable};
