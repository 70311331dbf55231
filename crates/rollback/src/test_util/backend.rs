use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Backend, Error, ErrorKind, Observed, Release, Run, Running};

/// What a [`FakeBackend`] pretends to run, shared by all its clones.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Releases that exist.
    pub known: BTreeSet<String>,
    /// The release that should run.
    pub desired: Option<String>,
    /// The release that runs; `None` when it is stopped.
    pub running: Option<String>,
    /// Every changing call in order, such as `activate v2`.
    pub calls: Vec<String>,
    /// Calls that fail, each once, such as `activate v2`.
    pub failing: Vec<String>,
    /// Releases that run but cannot become healthy, with the evidence.
    pub hopeless: Vec<(String, String)>,
}

/// A backend in memory, with fault injection.
#[derive(Clone, Debug, Default)]
pub struct FakeBackend(Arc<Mutex<World>>);

impl FakeBackend {
    /// Knows these releases; the first one runs.
    #[must_use]
    pub fn running(releases: &[&str]) -> Self {
        let known = releases.iter().map(|r| (*r).to_owned()).collect();
        let first = releases.first().map(|r| (*r).to_owned());
        Self(Arc::new(Mutex::new(World {
            known,
            desired: first.clone(),
            running: first,
            ..World::default()
        })))
    }

    /// The world, to look at and to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next such call fail, once: `activate v2`, `quiesce`.
    #[must_use]
    pub fn failing_at(self, call: &str) -> Self {
        self.world().failing.push(call.to_owned());
        self
    }

    fn call(&self, call: &str) -> Result<MutexGuard<'_, World>, Error> {
        let mut world = self.world();
        world.calls.push(call.to_owned());
        if let Some(at) = world.failing.iter().position(|f| f == call) {
            world.failing.remove(at);
            return Err(Error::new("do", call, ErrorKind::Command).because("it was told to fail"));
        }
        Ok(world)
    }

    fn release(id: &str) -> Release {
        Release::single(id, "fake", id)
    }
}

#[async_trait]
impl Backend for FakeBackend {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn resolve(&self, label: &str) -> Result<Release, Error> {
        if self.world().known.contains(label) {
            Ok(Self::release(label))
        } else {
            Err(Error::new(
                "find",
                format!("release {label}"),
                ErrorKind::NotFound,
            ))
        }
    }

    async fn observe(&self) -> Result<Observed, Error> {
        let world = self.world();
        Ok(Observed {
            desired: world.desired.as_deref().map(Self::release),
            running: match &world.running {
                Some(release) => Running::Proved {
                    release: release.clone(),
                },
                None => Running::Unknown {
                    reason: "nobody answers".into(),
                },
            },
        })
    }

    async fn prepare(&self, release: &Release, _: &Run) -> Result<(), Error> {
        self.call(&format!("prepare {}", release.id)).map(drop)
    }

    async fn activate(&self, release: &Release, _: &Run) -> Result<(), Error> {
        let mut world = self.call(&format!("activate {}", release.id))?;
        world.desired = Some(release.id.clone());
        world.running = Some(release.id.clone());
        Ok(())
    }

    async fn quiesce(&self, _: &Run) -> Result<(), Error> {
        self.call("quiesce")?.running = None;
        Ok(())
    }

    async fn clear(&self, _: &Run) -> Result<(), Error> {
        let mut world = self.call("clear")?;
        world.running = None;
        world.desired = None;
        Ok(())
    }

    async fn hopeless(&self, release: &Release) -> Option<String> {
        let world = self.world();
        world
            .hopeless
            .iter()
            .find(|(id, _)| *id == release.id)
            .map(|(_, why)| why.clone())
    }

    async fn discard(&self, release: &Release) -> Result<(), Error> {
        let mut world = self.call(&format!("discard {}", release.id))?;
        if world.desired.as_ref() == Some(&release.id) {
            return Err(Error::new("discard", &release.id, ErrorKind::State));
        }
        world.known.remove(&release.id);
        Ok(())
    }
}
