use super::message::Message;
use serde_json::{Value, json};

/// Writes a message for an incoming webhook of Slack: a line for notifications, and blocks.
///
/// What people wrote stands in blocks of plain text, in which nothing is a link, a mention or a format.
pub(super) fn body(message: &Message) -> String {
    let fields = message.facts.iter().map(|(name, text)| plain(&format!("{name}\n{text}")));
    // Slack takes ten fields in a section.
    let fields: Vec<Value> = fields.take(10).collect();
    let body = json!({
        "text": format!("{} <{}>", escaped(&message.headline), escaped(&message.url)),
        "blocks": [
            {"type": "header", "text": plain(&shortened(&message.headline, 150))},
            {"type": "section", "fields": fields},
            {"type": "actions", "elements": [
                {"type": "button", "text": plain("Look at it in audex"), "url": message.url},
            ]},
        ],
    });
    body.to_string()
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// Escapes what Slack reads as markup in a text: `<!channel>` would wake everybody up.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
