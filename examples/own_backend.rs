//! How do I run my own kind of deployment under the engine, and survive being killed?
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ripcord_rollback::engine::Direction;
use ripcord_rollback::journal::{Owner, SqliteJournal};
use ripcord_rollback::{
    Answer, Backend, Engine, Error, ErrorKind, Judgement, Observed, Phase, Policy, Release,
    Request, Run, Running, Verifier,
};

/// "Runs" the release whose name stands in a file.
#[derive(Debug)]
struct OneFile(PathBuf);

#[async_trait]
impl Backend for OneFile {
    fn name(&self) -> &'static str {
        "one-file"
    }
    async fn resolve(&self, label: &str) -> Result<Release, Error> {
        Ok(Release::single(label, "file", label))
    }
    async fn observe(&self) -> Result<Observed, Error> {
        let id = std::fs::read_to_string(&self.0).unwrap_or_default();
        let (desired, running) = (
            Some(Release::single(&id, "file", &id)),
            Running::Proved { release: id },
        );
        Ok(Observed { desired, running })
    }
    async fn activate(&self, release: &Release, _: &Run) -> Result<(), Error> {
        std::fs::write(&self.0, &release.id)
            .map_err(|e| Error::new("activate", &release.id, ErrorKind::Io).with_source(e))
    }
    async fn quiesce(&self, _: &Run) -> Result<(), Error> {
        Ok(())
    }
}

/// Never answers about the new release, so that the run can be cut off.
#[derive(Debug)]
struct Slow;

#[async_trait]
impl Verifier for Slow {
    async fn verify(&self, phase: Phase, _: Option<Release>) -> Judgement {
        if phase == Phase::Post {
            std::future::pending::<()>().await;
        }
        Judgement::pass()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (file, journal) = (folder.path().join("runs"), folder.path().join("journal.db"));
    std::fs::write(&file, "v1")?;
    let engine = |owner| -> anyhow::Result<Engine> {
        let (backend, policy) = (Arc::new(OneFile(file.clone())), Policy::new("demo"));
        let journal = Arc::new(SqliteJournal::open(&journal)?);
        Ok(Engine::new(backend, journal, Arc::new(Slow), owner, policy))
    };
    // Cut off, and its process is gone: that pid belongs to nobody.
    let me = Owner::this_process("here", "me");
    let dead = Owner {
        pid: i32::MAX,
        ..me.clone()
    };
    let request = Request::new("v2");
    let cut =
        tokio::time::timeout(Duration::from_millis(300), engine(dead)?.deploy(&request)).await;
    println!(
        "cut off: {}, the file says {}",
        cut.is_err(),
        std::fs::read_to_string(&file)?
    );

    let Answer::Ended(story) = engine(me)?.resume(Direction::Back).await? else {
        anyhow::bail!("there was nothing to resume");
    };
    println!(
        "resumed: {:?}, the file says {}",
        story.ended,
        std::fs::read_to_string(&file)?
    );
    anyhow::ensure!(
        std::fs::read_to_string(&file)? == "v1",
        "the old release runs again"
    );
    Ok(())
}
