use super::{Feed, Worker, deliver::Attempt};
use crate::{
    AuditRecord,
    pipe::{PipeError, Redelivered, dead::DeadLetters, folder},
};

impl<F: Feed> Worker<F> {
    /// Offers the dead letters to the sink once more; those it takes are gone from the file. Once a delivery fails the
    /// rest stays without being offered.
    pub(super) async fn redeliver(&mut self) -> Result<Redelivered, PipeError> {
        let Some(mut offer) = self.with_dead(|dead| dead.offer()).await?.flatten() else {
            return Ok(Redelivered::default());
        };
        let mut is_down = false;
        loop {
            let read = move || {
                let letters = offer.next()?;
                Ok((offer, letters))
            };
            let (mut back, letters) = folder::blocking(read).await?;
            if letters.is_empty() {
                return Ok(self.with_dead(move |dead| dead.finish(back)).await?.unwrap_or_default());
            }
            let mut taken = Vec::new();
            if !is_down {
                let records: Vec<AuditRecord> = letters.iter().filter_map(|(_, r)| r.clone()).collect();
                (taken, is_down) = self.offer(&records).await;
            }
            let answer = move || {
                let mut taken = taken.into_iter();
                for (line, record) in &letters {
                    let is_taken = record.is_some() && taken.next().unwrap_or(false);
                    back.answer(line, is_taken)?;
                }
                Ok(back)
            };
            offer = folder::blocking(answer).await?;
        }
    }

    /// Does something with the file of dead letters, on the threads for it; `None` without one.
    async fn with_dead<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut DeadLetters) -> Result<T, PipeError> + Send + 'static,
    ) -> Result<Option<T>, PipeError> {
        let Some(mut dead) = self.dead.take() else { return Ok(None) };
        let (dead, done) = folder::blocking(move || {
            let done = work(&mut dead);
            Ok((dead, done))
        })
        .await?;
        self.dead = Some(dead);
        done.map(Some)
    }

    /// Returns which of the first records were taken, and whether a delivery failed before the last.
    async fn offer(&mut self, records: &[AuditRecord]) -> (Vec<bool>, bool) {
        let mut taken = Vec::with_capacity(records.len());
        while let Some(rest) = records.get(taken.len()..).filter(|rest| !rest.is_empty()) {
            match self.attempt(rest).await {
                Attempt::Taken => taken.resize(records.len(), true),
                Attempt::Refused { index, .. } => {
                    taken.resize(taken.len() + index, true);
                    taken.push(false);
                }
                Attempt::Failed(_) => return (taken, true),
            }
        }
        (taken, false)
    }
}
