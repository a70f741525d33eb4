use super::is_acceptable_url;

#[test]
fn urls_are_https_or_loopback() {
    for good in [
        "https://a.test",
        "https://a.test:8443/b?c=d",
        "http://127.0.0.1:80/x",
        "http://localhost/",
        "http://[::1]:9/x",
    ] {
        assert!(is_acceptable_url(good), "{good}");
    }
    for wrong in [
        "",
        "a",
        "https://",
        "https:///a",
        "http://a.test",
        "http://localhost.evil.example",
        "http://127.0.0.1:x/",
        "http://127.0.0.1@evil.example/",
        "https://a.test@evil.example/",
        "https://a.test/#b",
        "https://a.test/ b",
        "https://a.test/\r\n",
        "javascript:alert(1)",
        "https://a.test/\"><script>",
        "HTTPS://a.test",
        "http://localhost:80:90/",
        "https://a\\b",
    ] {
        assert!(!is_acceptable_url(wrong), "{wrong}");
    }
}
