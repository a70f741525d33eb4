use super::{HttpClient, HttpError, Request};
use axess_jose::{BoxFuture, FetchDocument, FetchError, FetchedDocument};
use zeroize::Zeroizing;

impl FetchDocument for HttpClient {
    fn fetch<'a>(&'a self, url: &'a str, limit: usize) -> BoxFuture<'a, Result<FetchedDocument, FetchError>> {
        Box::pin(async move {
            let headers = vec![("accept", Zeroizing::new("application/json".to_owned()))];
            let answer = self.send(Request { url, form: None, headers, limit }).await.and_then(|it| it.ok());
            match answer {
                Ok(answer) => Ok(FetchedDocument { max_age: answer.max_age(), bytes: answer.body.to_vec() }),
                Err(HttpError::TooLarge { .. }) => Err(FetchError::TooLarge),
                Err(error) => Err(FetchError::Failed(error.into())),
            }
        })
    }
}
