use std::{fs, path::Path, sync::Arc};

use serde_json::{Value, json};

use super::pipe::Pipe;
use crate::process::{BETWEEN_LOOKS, LOOKS};

/// Which colours a person prefers.
///
/// ```
/// assert_ne!(axess_peers::Look::Light, axess_peers::Look::Dark);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// One person's window.
///
/// ```
/// fn sign_in(tab: &mut axess_peers::Tab, site: &str) -> Result<(), String> {
///     tab.open(&format!("{site}/login"))?;
///     tab.fill("#email", "alice@example.com")?;
///     tab.press("Enter")?;
///     tab.wait_for("location.pathname === '/'")
/// }
/// ```
#[derive(Debug)]
pub struct Tab {
    pipe: Arc<Pipe>,
    window: String,
    complaints: Vec<String>,
}

impl Tab {
    pub(super) fn open_in(pipe: &Arc<Pipe>) -> Result<Self, String> {
        let text = |answer: Value, name: &str| {
            let found = answer.get(name).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| format!("the browser does not say {name}"))
        };
        let context = text(pipe.call(None, "Target.createBrowserContext", json!({}))?, "browserContextId")?;
        let params = json!({"url": "about:blank", "browserContextId": context});
        let target = text(pipe.call(None, "Target.createTarget", params)?, "targetId")?;
        let params = json!({"targetId": target, "flatten": true});
        let window = text(pipe.call(None, "Target.attachToTarget", params)?, "sessionId")?;
        let tab = Self { pipe: Arc::clone(pipe), window, complaints: Vec::new() };
        for domain in ["Page", "Runtime", "Log"] {
            tab.call(&format!("{domain}.enable"), json!({}))?;
        }
        tab.screen(1_280, 900, Look::Light)?;
        Ok(tab)
    }

    /// Says how large the window is, in CSS pixels, and which colours its owner prefers.
    ///
    /// # Errors
    ///
    /// A message when the browser does not answer.
    pub fn screen(&self, width: u32, height: u32, look: Look) -> Result<(), String> {
        let is_phone = width < 600;
        let params = json!({"width": width, "height": height, "deviceScaleFactor": if is_phone { 2 } else { 1 }, "mobile": is_phone});
        self.call("Emulation.setDeviceMetricsOverride", params)?;
        let scheme = if look == Look::Dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features).map(drop)
    }

    /// Says whether pages may run scripts.
    ///
    /// # Errors
    ///
    /// A message when the browser does not answer.
    pub fn allow_scripts(&self, is_allowed: bool) -> Result<(), String> {
        self.call("Emulation.setScriptExecutionDisabled", json!({"value": !is_allowed})).map(drop)
    }

    /// Opens a page and waits until it is there.
    ///
    /// # Errors
    ///
    /// A message when it cannot be loaded.
    pub fn open(&mut self, url: &str) -> Result<(), String> {
        self.run("window.axessLeft = true").map(drop)?;
        let answer = self.call("Page.navigate", json!({"url": url}))?;
        if let Some(error) = answer.get("errorText").and_then(Value::as_str) {
            return Err(format!("{url}: {error}"));
        }
        self.wait_for("!window.axessLeft && document.readyState === 'complete'")
    }

    /// Does what leads to another page, and waits until that is there.
    ///
    /// # Errors
    ///
    /// What doing it says, or a message when there is no other page after a minute.
    pub fn follow(&mut self, act: impl FnOnce(&mut Self) -> Result<(), String>) -> Result<(), String> {
        self.run("window.axessLeft = true").map(drop)?;
        act(self)?;
        self.wait_for("!window.axessLeft && document.readyState === 'complete'")
    }

    /// Runs an expression in the page and returns its value; a promise is waited for.
    ///
    /// # Errors
    ///
    /// A message when it throws.
    pub fn run(&mut self, expression: &str) -> Result<Value, String> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut answer = self.call("Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(format!("{expression}: {details}")),
            None => Ok(answer.pointer_mut("/result/value").map(Value::take).unwrap_or_default()),
        }
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    ///
    /// A message with what the page shows, when it is not so after a minute.
    pub fn wait_for(&mut self, expression: &str) -> Result<(), String> {
        for _ in 0..LOOKS {
            // Between two pages there is none to ask.
            if self.run(expression).is_ok_and(|value| value == true) {
                return Ok(());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        let shown = self.run("location.href + '\\n' + document.body.innerText").unwrap_or_default();
        Err(format!("never so: {expression}\n{}", shown.as_str().unwrap_or_default()))
    }

    /// Returns what the page, or a part of it, shows.
    ///
    /// # Errors
    ///
    /// A message when there is no such part.
    pub fn text(&mut self, selector: &str) -> Result<String, String> {
        let text = self.run(&format!("document.querySelector({}).innerText", json!(selector)))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks on the middle of a part of the page, as a mouse does.
    ///
    /// # Errors
    ///
    /// A message when there is no such part.
    pub fn click(&mut self, selector: &str) -> Result<(), String> {
        let place = self.run(&format!(
            "(() => {{ const part = document.querySelector({}); part.scrollIntoView({{block: 'center', behavior: 'instant'}});
            const box = part.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            json!(selector)
        ))?;
        let (x, y) = (place.get(0).cloned().unwrap_or_default(), place.get(1).cloned().unwrap_or_default());
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", params)?;
        }
        Ok(())
    }

    /// Replaces what stands in a field, as if it was typed.
    ///
    /// # Errors
    ///
    /// A message when there is no such field.
    pub fn fill(&mut self, selector: &str, text: &str) -> Result<(), String> {
        self.run(&format!(
            "(() => {{ const field = document.querySelector({}); field.focus(); field.select(); }})()",
            json!(selector)
        ))?;
        if text.is_empty() { self.press("Backspace") } else { self.type_in(text) }
    }

    /// Types into what has the focus.
    ///
    /// # Errors
    ///
    /// A message when the browser does not answer.
    pub fn type_in(&mut self, text: &str) -> Result<(), String> {
        self.call("Input.insertText", json!({"text": text})).map(drop)
    }

    /// Presses a key by its name, as in `Tab`, `Enter`, `Shift+Tab` or `?`.
    ///
    /// # Errors
    ///
    /// A message when the browser does not answer.
    pub fn press(&mut self, key: &str) -> Result<(), String> {
        let (modifiers, key) = key.strip_prefix("Shift+").map_or((0, key), |key| (8, key));
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "Backspace" => 8,
            "Insert" => 45,
            " " => 32,
            _ => 0,
        };
        let text = match key {
            "Enter" => "\r",
            key if key.chars().count() == 1 => key,
            _ => "",
        };
        for kind in [if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "keyUp"] {
            let mut params =
                json!({"type": kind, "key": key, "windowsVirtualKeyCode": code, "modifiers": modifiers});
            if let (false, "keyDown", Some(members)) = (text.is_empty(), kind, params.as_object_mut()) {
                members.insert("text".to_owned(), json!(text));
            }
            self.call("Input.dispatchKeyEvent", params)?;
        }
        Ok(())
    }

    /// Writes a picture (PNG) of the whole page.
    ///
    /// # Errors
    ///
    /// A message when the browser does not answer or the file cannot be written.
    pub fn picture(&mut self, file: &Path) -> Result<(), String> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.call("Page.captureScreenshot", params)?;
        let data = answer.get("data").and_then(Value::as_str).unwrap_or_default();
        let picture = decode(data).ok_or("the picture is not base64")?;
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::write(file, picture).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Returns what the browser complained about since the last time.
    ///
    /// These are errors and warnings of scripts, of the network and of content security policies.
    pub fn complaints(&mut self) -> Vec<String> {
        for event in self.pipe.events(&self.window) {
            self.complaints.extend(complaint(&event));
        }
        std::mem::take(&mut self.complaints)
    }

    fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        self.pipe.call(Some(&self.window), method, params)
    }
}

fn complaint(event: &Value) -> Option<String> {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str);
    match text("/method")? {
        "Runtime.exceptionThrown" => Some(event.get("params")?.to_string()),
        "Runtime.consoleAPICalled"
            if matches!(text("/params/type"), Some("error" | "warning" | "assert")) =>
        {
            Some(event.pointer("/params/args")?.to_string())
        }
        "Log.entryAdded" if matches!(text("/params/entry/level"), Some("error" | "warning")) => {
            let (said, url) = (text("/params/entry/text")?, text("/params/entry/url").unwrap_or_default());
            Some(format!("{said} ({url})"))
        }
        _ => None,
    }
}

/// Reads base64 (RFC 4648, section 4).
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("+/+/", &[0xfb, 0xff, 0xbf])]
        {
            assert_eq!(decode(text).unwrap(), bytes, "{text}");
        }
        assert_eq!(decode("Zm9*"), None);
    }
}
