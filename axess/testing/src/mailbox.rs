use axess_core::delivery::{CodeDelivery, DeliveryError, OutboundMail};
use axess_identity::OtpCode;
use std::{
    collections::VecDeque,
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// How often the runtime gets a turn before a mail is taken to be missing.
const PATIENCE: usize = 1_000;

/// Keeps the mails a service sends.
///
/// Clones share the box.
///
/// The service sends in the background, so the box must be read inside the runtime that the service runs in.
///
/// ```
/// use axess_core::delivery::{CodeDelivery, MailPurpose, OutboundMail};
/// use axess_testing::MailBox;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mails = MailBox::default();
/// let mail = OutboundMail {
///     tenant_id: axess_identity::TenantId::from_parts(0, [0; 10]),
///     to: "alice@example.com".parse().unwrap(),
///     purpose: MailPurpose::Login,
///     code: Some("12345678".into()),
///     expires_at: chrono::DateTime::UNIX_EPOCH,
/// };
/// mails.deliver(mail).await.unwrap();
/// assert_eq!(mails.next_code().await.expose(), "12345678");
/// assert!(mails.is_quiet().await);
/// # });
/// ```
#[derive(Debug, Clone, Default)]
pub struct MailBox {
    mails: Arc<Mutex<VecDeque<OutboundMail>>>,
    stalled: Arc<AtomicBool>,
}

impl MailBox {
    /// Takes the oldest mail, after letting it arrive.
    ///
    /// # Panics
    ///
    /// Panics when none comes.
    pub async fn next(&self) -> OutboundMail {
        for _ in 0..PATIENCE {
            if let Some(mail) = self.lock().pop_front() {
                return mail;
            }
            tokio::task::yield_now().await;
        }
        missing("mail")
    }

    /// Takes the oldest mail and returns its code.
    ///
    /// # Panics
    ///
    /// Panics when no mail comes, or it is a notice.
    pub async fn next_code(&self) -> OtpCode {
        self.next().await.code.unwrap_or_else(|| missing("code"))
    }

    /// Tells whether no mail waits or comes.
    pub async fn is_quiet(&self) -> bool {
        for _ in 0..PATIENCE {
            tokio::task::yield_now().await;
        }
        self.lock().is_empty()
    }

    /// Makes every later delivery hang: a mail server that does not answer.
    pub fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<OutboundMail>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CodeDelivery for MailBox {
    fn deliver(
        &self,
        mail: OutboundMail,
    ) -> Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + '_>> {
        Box::pin(async move {
            if self.stalled.load(Ordering::SeqCst) {
                return pending().await;
            }
            self.lock().push_back(mail);
            Ok(())
        })
    }
}

#[expect(clippy::panic, reason = "a test that waits for what never comes must fail")]
fn missing(what: &str) -> ! {
    panic!("the service sent no {what}")
}
