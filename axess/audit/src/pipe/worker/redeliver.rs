use super::{Feed, Worker, deliver::Attempt};
use crate::{
    AuditRecord,
    pipe::{PipeError, Redelivered},
};

impl<F: Feed> Worker<F> {
    /// Offers the dead letters to the sink once more; those it takes are gone from the file.
    pub(super) async fn redeliver(&mut self) -> Result<Redelivered, PipeError> {
        let Some(mut dead) = self.dead.take() else { return Ok(Redelivered::default()) };
        let done = async {
            let Some(mut offer) = dead.offer()? else { return Ok(Redelivered::default()) };
            loop {
                let letters = offer.next()?;
                if letters.is_empty() {
                    break;
                }
                let records: Vec<AuditRecord> = letters.iter().filter_map(|(_, r)| r.clone()).collect();
                let mut taken = self.offer(&records).await.into_iter();
                for (line, record) in &letters {
                    let is_taken = record.is_some() && taken.next().unwrap_or(false);
                    offer.answer(line, is_taken)?;
                }
            }
            dead.finish(offer)
        }
        .await;
        self.dead = Some(dead);
        done
    }

    async fn offer(&mut self, records: &[AuditRecord]) -> Vec<bool> {
        let mut taken = Vec::with_capacity(records.len());
        while let Some(rest) = records.get(taken.len()..).filter(|rest| !rest.is_empty()) {
            match self.attempt(rest).await {
                Attempt::Taken => taken.resize(records.len(), true),
                Attempt::Refused { index, .. } => {
                    taken.resize(taken.len() + index, true);
                    taken.push(false);
                }
                Attempt::Failed(_) => taken.resize(records.len(), false),
            }
        }
        taken
    }
}
