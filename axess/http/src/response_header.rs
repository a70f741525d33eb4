use http::{HeaderName, HeaderValue, Response};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// Resolves to the inner response, plus at most one header.
    ///
    /// It is the future of [`RequestIdLayer`](crate::RequestIdLayer) and [`TraceContextLayer`](crate::TraceContextLayer).
    ///
    /// ```
    /// use axess_http::RequestIdLayer;
    /// use tower::{Layer, Service};
    /// # use std::convert::Infallible;
    /// let inner = tower::service_fn(|_: http::Request<()>| async { Ok::<_, Infallible>(http::Response::new(())) });
    /// let future: axess_http::HeaderFuture<_> = RequestIdLayer::new().layer(inner).call(http::Request::new(()));
    /// # drop(future);
    /// ```
    #[derive(Debug)]
    pub struct HeaderFuture<F> {
        #[pin]
        inner: F,
        header: Option<(HeaderName, HeaderValue)>,
    }
}

impl<F> HeaderFuture<F> {
    /// Sets `header` on the response, in place of one the inner service set.
    pub(crate) fn new(inner: F, header: Option<(HeaderName, HeaderValue)>) -> Self {
        Self { inner, header }
    }
}

impl<F, B, E> Future for HeaderFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some((name, value)) = this.header.take() {
            response.headers_mut().insert(name, value);
        }
        Poll::Ready(Ok(response))
    }
}
