use super::{Engine, Request, Survey};
use crate::Error;
use crate::database::Rehearsed;
use crate::plan;
use crate::run::Run;

impl Engine {
    /// Tries the way back of a deployment out on the newest verified backup, and decides the plan by it. Changes nothing
    /// and takes no lease; what it has shown is the caller's to keep.
    ///
    /// # Errors
    /// As [`survey`](Self::survey), and whatever keeps the database from trying.
    pub async fn rehearse(&self, request: &Request) -> Result<(Survey, Rehearsed), Error> {
        let mut survey = self.survey(request).await?;
        let Some(database) = &self.database else {
            return Ok((survey, Rehearsed::Not));
        };
        if survey.assessment.pending.is_empty() || !database.rehearses() {
            return Ok((survey, Rehearsed::Not));
        }
        let backup = match database.fresh_backup().await {
            Ok(backup) => backup,
            Err(reason) => return Ok((survey, Rehearsed::Refused(reason))),
        };
        let rehearsed = database
            .rehearse(
                survey.previous.clone(),
                &survey.release,
                &survey.assessment,
                &backup,
                &Run::unrecorded(),
            )
            .await?;
        if let Rehearsed::Tried(evidence) = &rehearsed {
            survey
                .assessment
                .findings
                .extend(evidence.findings.iter().cloned());
            survey.assessment.evidence = Some(evidence.clone());
            survey.decision = plan::decide(&survey.assessment, &survey.consent);
        }
        Ok((survey, rehearsed))
    }
}
