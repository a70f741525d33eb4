//! Orders and answers: JSON texts that end with a zero byte.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{ChildStdin, ChildStdout},
    sync::{Mutex, PoisonError, mpsc},
    time::Duration,
};

use serde_json::{Value, json};

/// How long an answer may take; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest answer, a picture of a long page.
const MAX_ANSWER: u64 = 64 * 1_024 * 1_024;

/// The browser's ear and mouth. One order is under way at a time.
#[derive(Debug)]
pub(super) struct Pipe(Mutex<Line>);

#[derive(Debug)]
struct Line {
    orders: ChildStdin,
    answers: mpsc::Receiver<Value>,
    last_id: u64,
    /// What was said without being asked, oldest first.
    events: Vec<Value>,
}

impl Pipe {
    pub(super) fn new(orders: ChildStdin, answers: ChildStdout) -> Self {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut answers = BufReader::new(answers);
            let mut text = Vec::new();
            while let Ok(1..) = (&mut answers).take(MAX_ANSWER).read_until(0, &mut text) {
                text.pop();
                let is_heard = serde_json::from_slice(&text).is_ok_and(|value| sender.send(value).is_ok());
                if !is_heard {
                    break;
                }
                text.clear();
            }
        });
        Self(Mutex::new(Line { orders, answers: receiver, last_id: 0, events: Vec::new() }))
    }

    /// Gives an order, to one window or to the browser, and returns the answer.
    pub(super) fn call(&self, window: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        line.last_id += 1;
        let id = line.last_id;
        let mut order = json!({"id": id, "method": method, "params": params});
        if let (Some(window), Some(members)) = (window, order.as_object_mut()) {
            members.insert("sessionId".to_owned(), json!(window));
        }
        let text = format!("{order}\0");
        line.orders.write_all(text.as_bytes()).map_err(|error| format!("{method}: {error}"))?;
        loop {
            let heard = line.answers.recv_timeout(PATIENCE);
            let mut heard = heard.map_err(|_| format!("{method}: the browser does not answer"))?;
            if heard.get("id").and_then(Value::as_u64) != Some(id) {
                line.events.push(heard);
                continue;
            }
            return match heard.get("error") {
                Some(error) => Err(format!("{method}: {error}")),
                None => Ok(heard.get_mut("result").map(Value::take).unwrap_or_default()),
            };
        }
    }

    /// Takes the events of a window since the last time.
    pub(super) fn events(&self, window: &str) -> Vec<Value> {
        let mut line = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(heard) = line.answers.try_recv() {
            line.events.push(heard);
        }
        let is_own = |event: &Value| event.get("sessionId").and_then(Value::as_str) == Some(window);
        let (own, others) = std::mem::take(&mut line.events).into_iter().partition(is_own);
        line.events = others;
        own
    }
}
