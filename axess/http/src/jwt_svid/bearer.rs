use super::refusal::Refusal;
use http::{HeaderMap, header};

/// Reads the token of the only `Authorization` header; `None` when there is no such header, or its scheme is another.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        // Which of them counts must not be a matter of who reads them.
        (Some(_), Some(_)) => return Err(Refusal::Malformed),
    };
    let text = value.to_str().map_err(|_| Refusal::Malformed)?;
    let Some((scheme, token)) = text.split_once(' ') else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Ok(None);
    }
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_part) {
        return Err(Refusal::Malformed);
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_header_is_read_strictly() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            bearer(&headers).map(|token| token.map(str::to_owned)).map_err(|_| ())
        };
        assert_eq!(read(&[]), Ok(None));
        for value in ["", "Bearer", "Basic YTpi", "DPoP a.b.c", "Bearers a.b.c"] {
            assert_eq!(read(&[value]), Ok(None), "{value}");
        }
        for value in ["Bearer a.b-_~+/=", "bearer a.b-_~+/=", "BEARER a.b-_~+/="] {
            assert_eq!(read(&[value]), Ok(Some("a.b-_~+/=".to_owned())), "{value}");
        }
        for value in ["Bearer ä", "Bearer ", "Bearer  a", "Bearer a b", "Bearer a,b", "Bearer \"a\""] {
            assert_eq!(read(&[value]), Err(()), "{value}");
        }
        for other in ["Bearer a", "Basic YTpi", ""] {
            assert_eq!(read(&["Bearer a", other]), Err(()), "{other}");
        }
        assert_eq!(read(&["Basic YTpi", "Basic YTpi"]), Err(()));
    }
}
