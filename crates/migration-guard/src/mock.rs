use async_trait::async_trait;

use crate::{Error, Migrator, Outcome, Resolution, Status, StepObserver, Workspace};

// automock cannot write the lifetimes of `&dyn StepObserver`. So the expectations are about
// plain functions of the same names, without the observer, and the trait calls those.
mockall::mock! {
    /// A mock of [`Migrator`]: `expect_up`, `expect_status` and so on. The observer is not part
    /// of an expectation and is never called.
    #[derive(Debug)]
    pub Migrator {
        /// [`Migrator::name`].
        pub fn name(&self) -> &str;
        /// [`Migrator::status`].
        pub fn status(&self, workspace: &Workspace) -> Result<Status, Error>;
        /// [`Migrator::up`].
        pub fn up(&self, workspace: &Workspace, version: &str) -> Result<Outcome, Error>;
        /// [`Migrator::down`].
        pub fn down(&self, workspace: &Workspace, version: &str) -> Result<Outcome, Error>;
        /// [`Migrator::resolve`].
        pub fn resolve(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error>;
        /// [`Migrator::repair`].
        pub fn repair(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error>;
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Migrator for MockMigrator {
    fn name(&self) -> &str {
        Self::name(self)
    }

    async fn status(&self, workspace: &Workspace) -> Result<Status, Error> {
        Self::status(self, workspace)
    }

    async fn up(
        &self,
        workspace: &Workspace,
        version: &str,
        _: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        Self::up(self, workspace, version)
    }

    async fn down(
        &self,
        workspace: &Workspace,
        version: &str,
        _: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        Self::down(self, workspace, version)
    }

    async fn resolve(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        Self::resolve(self, workspace, version)
    }

    async fn repair(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        Self::repair(self, workspace, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unobserved;

    #[tokio::test]
    async fn expectations_are_met_through_the_trait() {
        let mut mock = MockMigrator::new();
        mock.expect_up()
            .withf(|_, version| version == "7")
            .times(1)
            .returning(|_, _| Ok(Outcome::Already));
        let migrator: Box<dyn Migrator> = Box::new(mock);
        let done = migrator.up(&Workspace::new("m"), "7", &Unobserved).await;
        assert_eq!(done.unwrap(), Outcome::Already);
    }
}
