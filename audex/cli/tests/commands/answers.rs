//! A server that answers what a test says, and writes down what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// The status and the body of an answer to a method and path, as in `GET /me`.
type Answers = dyn Fn(&str) -> (u16, String) + Send + Sync;

pub(crate) struct Answering {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Answering {
    pub(crate) fn new(answers: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answers, written): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, written) = (Arc::clone(&answers), Arc::clone(&written));
                thread::spawn(move || answer(stream, &*answers, &written));
            }
        });
        Self { url, asked }
    }

    /// What was asked, in its order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// How often something was asked that begins so.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.asked().iter().filter(|asked| asked.starts_with(start)).count()
    }
}

fn answer(mut stream: TcpStream, answers: &Answers, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let what = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
    asked.lock().unwrap().push(what.clone());
    let (status, body) = answers(&what);
    let length = body.len();
    // Whoever asked may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
}
