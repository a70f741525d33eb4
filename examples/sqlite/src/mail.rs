//! Mail: sent over SMTP, or printed to the log where no server is configured.

pub(crate) mod smtp;

pub(crate) use smtp::Smtp;

use crate::counters::Counters;
use axess::authn::{CodeDelivery, DeliveryError, MailPurpose, OutboundMail};
use std::{pin::Pin, sync::Arc};
use tokio::sync::RwLock;

/// Delivers what the service wants to tell its users.
pub(crate) struct Mail {
    smtp: Option<Smtp>,
    counters: Arc<Counters>,
    /// Held for reading by every mail that is under way.
    under_way: RwLock<()>,
}

impl Mail {
    pub(crate) fn new(smtp: Option<Smtp>, counters: Arc<Counters>) -> Self {
        if smtp.is_none() {
            tracing::warn!("no SMTP_URL: mails are printed here, with their codes");
        }
        Self { smtp, counters, under_way: RwLock::default() }
    }

    /// Waits until every mail that is under way was sent or given up.
    pub(crate) async fn sent(&self) {
        drop(self.under_way.write().await);
    }

    async fn send(&self, mail: OutboundMail) -> Result<(), DeliveryError> {
        let _under_way = self.under_way.read().await;
        let (subject, body) = text(&mail);
        let Some(smtp) = &self.smtp else {
            tracing::warn!(to = mail.to.as_str(), subject, body, "a mail");
            return Ok(());
        };
        let outcome = smtp.send(&mail.to, subject, body).await;
        match &outcome {
            Ok(()) => self.counters.mail("sent"),
            Err(fault) => {
                self.counters.mail("failed");
                tracing::error!(purpose = ?mail.purpose, fault, "a mail was given up");
            }
        }
        outcome.map_err(DeliveryError::new)
    }
}

impl CodeDelivery for Mail {
    fn deliver(
        &self,
        mail: OutboundMail,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + '_>> {
        Box::pin(self.send(mail))
    }
}

/// Writes a mail: its subject and its text.
fn text(mail: &OutboundMail) -> (&'static str, String) {
    let (subject, text) = match mail.purpose {
        MailPurpose::Login => ("Your login code", "Somebody, hopefully you, is logging in."),
        MailPurpose::Signup => {
            ("Confirm your address", "Welcome. This code proves that the address is yours.")
        }
        MailPurpose::SignupExists => (
            "You have an account already",
            "Somebody tried to sign up with this address, which has an account. If it was you, log in or reset your\n\
             password. If it was not, there is nothing to do.",
        ),
        MailPurpose::EmailVerification => {
            ("Confirm your address", "This code proves that the address is yours.")
        }
        MailPurpose::PasswordReset => (
            "Reset your password",
            "This code sets a new password. If you did not ask for it, ignore this mail: nothing has changed.",
        ),
        MailPurpose::PasswordWasReset => (
            "Your password was reset",
            "An administrator has made your password useless. Choose \"forgotten password\" to set a new one.",
        ),
    };
    let Some(code) = &mail.code else { return (subject, format!("{text}\n")) };
    let until = mail.expires_at.format("%H:%M UTC");
    (
        subject,
        format!("{text}\n\nCode: {}\n\nIt works once, until {until}. Give it to nobody.\n", code.expose()),
    )
}
