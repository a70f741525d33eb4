use super::*;
use axess_rng::MockRng;
use proptest::prelude::*;
use tower::ServiceExt;

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn context(lines: &[(&'static str, &str)]) -> TraceContext {
    TraceContext::from_headers(&headers(lines), false, &MockRng::new(1))
}

fn continues(lines: &[(&'static str, &str)]) -> bool {
    let context = context(lines);
    let goes_on = context.trace_id.to_string() == TRACE;
    assert_eq!(goes_on, context.parent_id.is_some());
    assert_ne!(context.span_id.to_string(), SPAN, "always an own span");
    goes_on
}

/// The cases of the W3C validation suite (github.com/w3c/trace-context, test/test.py, `test_traceparent_*`).
#[test]
fn w3c_traceparent_cases() {
    let ok = format!("00-{TRACE}-{SPAN}-01");
    for good in [
        ok.as_str(),
        &format!("cc-{TRACE}-{SPAN}-01"),
        &format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"),
        &format!(" {ok}"),
        &format!("\t{ok}"),
        &format!("{ok} "),
        &format!("{ok}\t"),
        &format!("\t {ok} \t"),
    ] {
        assert!(continues(&[("traceparent", good)]), "{good:?}");
    }
    for bad in [
        &format!("{ok}."),
        &format!("{ok}-what-the-future-will-be-like"),
        &format!("{ok}-"),
        &format!("cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like"),
        &format!("ff-{TRACE}-{SPAN}-01"),
        &format!(".0-{TRACE}-{SPAN}-01"),
        &format!("0.-{TRACE}-{SPAN}-01"),
        &format!("000-{TRACE}-{SPAN}-01"),
        &format!("0000-{TRACE}-{SPAN}-01"),
        &format!("0-{TRACE}-{SPAN}-01"),
        &format!("00-{}-{SPAN}-01", "0".repeat(32)),
        &format!("00-.{}-{SPAN}-01", &TRACE[1..]),
        &format!("00-{}.-{SPAN}-01", &TRACE[..31]),
        &format!("00-{TRACE}3-{SPAN}-01"),
        &format!("00-{}-{SPAN}-01", &TRACE[..31]),
        &format!("00-{TRACE}-{}-01", "0".repeat(16)),
        &format!("00-{TRACE}-.{}-01", &SPAN[1..]),
        &format!("00-{TRACE}-{}.-01", &SPAN[..15]),
        &format!("00-{TRACE}-{SPAN}7-01"),
        &format!("00-{TRACE}-{}-01", &SPAN[..15]),
        &format!("00-{TRACE}-{SPAN}-.0"),
        &format!("00-{TRACE}-{SPAN}-0."),
        &format!("00-{TRACE}-{SPAN}-001"),
        &format!("00-{TRACE}-{SPAN}-1"),
    ] {
        assert!(!continues(&[("traceparent", bad)]), "{bad:?}");
    }
    assert!(!continues(&[("traceparent", &ok), ("traceparent", &ok)]), "two headers");
    assert!(!continues(&[("trace-parent", &ok)]));
    assert!(!continues(&[("trace.parent", &ok)]));
    assert!(!continues(&[]));
}

#[test]
fn hexadecimal_is_lower_case_and_separators_are_where_they_belong() {
    let good = "00-abcdefabcdefabcdefabcdefabcdefab-abcdefabcdefabcd-0a";
    assert!(good.parse::<Traceparent>().is_ok());
    for bad in [
        good.to_uppercase(),
        good.replacen('a', "A", 1),
        good.replacen("-0a", "-0A", 1),
        good.replacen("-0a", "--a", 1),
        good.replace('-', "_"),
        format!("cd-ab-{}", &good[6..]),
        "é".repeat(28),
        String::new(),
    ] {
        assert_eq!(bad.parse::<Traceparent>(), Err(ParseTraceparentError), "{bad}");
    }
}

#[test]
fn flags_keep_what_has_a_meaning() {
    for (inbound, outbound) in
        [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("fe", "02"), ("ff", "03"), ("f0", "00")]
    {
        let context = context(&[("traceparent", &format!("00-{TRACE}-{SPAN}-{inbound}"))]);
        let text = context.traceparent().to_string();
        assert_eq!(text, format!("00-{TRACE}-{}-{outbound}", context.span_id));
    }
    let new = TraceContext::from_headers(&HeaderMap::new(), true, &MockRng::new(1));
    assert!(new.traceparent().to_string().ends_with("-03"));
    assert!(context(&[]).traceparent().to_string().ends_with("-02"));
}

fn state(lines: &[&str]) -> Option<String> {
    let traceparent = format!("00-{TRACE}-{SPAN}-00");
    let mut all = vec![("traceparent", traceparent.as_str())];
    all.extend(lines.iter().map(|line| ("tracestate", *line)));
    let context = context(&all);
    assert_eq!(context.trace_id.to_string(), TRACE, "a bad tracestate leaves the trace alone");
    context.tracestate.map(|state| state.to_string())
}

/// The cases of the W3C validation suite (`test_tracestate_*`, strictness level 2).
#[test]
fn w3c_tracestate_cases() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    let member = |from, to| (from..=to).map(|i| format!("bar{i:02}={i:02}")).collect::<Vec<_>>().join(",");
    let (z256, t241) = ("z".repeat(256), "t".repeat(241));
    for (lines, expect) in [
        (vec!["foo=1,bar=2"], "foo=1,bar=2"),
        (vec!["foo=1", ""], "foo=1"),
        (vec!["", "foo=1"], "foo=1"),
        (vec!["foo=1,bar=2", "rojo=1,congo=2", "baz=3"], "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        (vec!["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        (vec!["\t foo=1 \t"], "foo=1"),
        (vec![&format!("{key}={value}")], &format!("{key}={value}")),
        (vec![&format!("{key}@a-z0-9_-*/={value}")], &format!("{key}@a-z0-9_-*/={value}")),
        (vec![&member(1, 20), &member(21, 32)], &member(1, 32)),
        (vec!["foo=1", &format!("{z256}=1")], &format!("foo=1,{z256}=1")),
        (vec!["foo=1", &format!("{t241}@vvvvvvvvvvvvvv=1")], &format!("foo=1,{t241}@vvvvvvvvvvvvvv=1")),
    ] {
        assert_eq!(state(&lines).as_deref(), Some(expect));
    }
    for lines in [
        vec![""],
        vec![],
        vec!["foo=1,foo=1"],
        vec!["foo=1", "foo=2"],
        vec!["foo =1"],
        vec!["FOO=1"],
        vec!["foo.bar=1"],
        vec!["foo@=1,bar=2"],
        vec!["@foo=1,bar=2"],
        vec!["foo@@bar=1,bar=2"],
        vec!["foo@bar@baz=1,bar=2"],
        vec![&member(1, 20), &member(21, 33)],
        vec!["foo=1", &format!("{z256}z=1")],
        vec!["foo=1", &format!("{t241}t@v=1")],
        vec!["foo=1", "t@vvvvvvvvvvvvvvv=1"],
        vec!["foo=bar=baz"],
        vec!["foo=,bar=3"],
        vec!["foo"],
        vec!["foo=é"],
        vec!["foo=a\tb"],
        vec![&format!("foo={}", "v".repeat(257))],
    ] {
        assert_eq!(state(&lines), None, "{lines:?}");
    }
}

#[test]
fn tracestate_is_bounded_and_needs_its_traceparent() {
    let value = |n: usize| "v".repeat(n);
    let exact = format!("a={},b={}", value(253), value(254));
    assert_eq!(exact.len(), MAX_TRACESTATE_BYTES);
    assert_eq!(state(&[&exact]), Some(exact));
    assert_eq!(state(&[&format!("a={},b={}", value(253), value(255))]), None);
    assert_eq!(context(&[("tracestate", "foo=1")]).tracestate, None);
    assert_eq!(context(&[("traceparent", "x"), ("tracestate", "foo=1")]).tracestate, None);
}

/// A generator that has nothing to give.
#[derive(Debug)]
struct Zeros;

impl SecureRng for Zeros {
    fn fill_bytes(&self, dest: &mut [u8]) {
        dest.fill(0);
    }
}

#[test]
fn generated_ids_are_never_all_zero() {
    let context = TraceContext::from_headers(&HeaderMap::new(), true, &Zeros);
    let text = context.traceparent().to_string();
    assert!(text.parse::<Traceparent>().is_ok(), "{text}");
}

#[tokio::test]
async fn the_layer_sets_the_extension_and_echoes_on_demand() {
    for echo in [false, true] {
        let inner = tower::service_fn(|request: Request<()>| async move {
            let context = request.extensions().get::<TraceContext>().unwrap().clone();
            Ok::<_, std::convert::Infallible>(Response::new(context))
        });
        let layer = TraceContextLayer::new().echo(echo).sample_new(false).with_rng(Arc::new(MockRng::new(1)));
        let mut request = Request::new(());
        *request.headers_mut() = headers(&[("traceparent", &format!("00-{TRACE}-{SPAN}-01"))]);
        let response = layer.layer(inner).oneshot(request).await.unwrap();
        let sent = response.body().traceparent().to_string();
        assert!(sent.starts_with(&format!("00-{TRACE}-")) && !sent.contains(&format!("-{SPAN}-")));
        let echoed = response.headers().get("traceparent").map(|v| v.to_str().unwrap());
        assert_eq!(echoed, echo.then_some(sent.as_str()));
    }
}

proptest! {
    #[test]
    fn whatever_is_sent_the_outcome_is_well_formed(
        parent in prop::collection::vec(prop_oneof![Just(b'\t'), 32u8..127, 128u8..], 0..80),
        state in prop::collection::vec(prop_oneof![Just(b'\t'), 32u8..127, 128u8..], 0..80),
    ) {
        let mut headers = HeaderMap::new();
        headers.append("traceparent", HeaderValue::from_bytes(&parent).unwrap());
        headers.append("tracestate", HeaderValue::from_bytes(&state).unwrap());
        let context = TraceContext::from_headers(&headers, true, &MockRng::new(1));
        let text = context.traceparent().to_string();
        prop_assert_eq!(text.parse::<Traceparent>().unwrap(), context.traceparent());
        prop_assert!(context.tracestate.is_none_or(|s| HeaderValue::from_str(&s).is_ok()));
    }
}
