//! What the scenarios stand on: the programs, a fake site, a local HTTP server, real servers, `/proc`.

mod http;
mod journal;
mod postgres;
mod processes;
mod program;
mod project;
mod python;
mod run;
mod shop;
mod site;
mod wait;

pub(crate) use http::{Http, Reply};
pub(crate) use journal::{assert_one_ending, committed, deployments, records};
pub(crate) use postgres::Pg;
pub(crate) use processes::{Seen, argv_of, processes};
pub(crate) use program::program;
pub(crate) use project::{MODELS, Project, RENAME, UNREHEARSED, step};
pub(crate) use python::{python, tool};
pub(crate) use run::{Call, Running, Said};
pub(crate) use shop::Shop;
pub(crate) use site::Site;
pub(crate) use wait::{pause, sample, until};
