use crate::{
    fixture::{Place, forget, read_all, repairs},
    processes::{Writer, append_and_tell, assert_each_once, busy, folder_of_child},
};
use axess_rng::{SystemRng, random_below};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    thread,
    time::Duration,
};

const ROUNDS: u64 = 20;

#[test]
fn killed_writers_lose_nothing_that_was_acknowledged() {
    if let Some(path) = folder_of_child() {
        let (place, config) = busy(path);
        let log = place.open_with(config);
        return append_and_tell(&log, u64::MAX);
    }
    let place = Place::new();
    let mut told = Vec::new();
    let mut torn = 0;
    for round in 0..ROUNDS {
        let test = "kill::killed_writers_lose_nothing_that_was_acknowledged";
        let writers: Vec<_> = (0..3).map(|_| Writer::start(test, &place)).collect();
        writers.iter().for_each(|writer| writer.wait_for(4));
        thread::sleep(Duration::from_millis(random_below(&SystemRng, 250)));
        for writer in writers {
            told.extend(writer.kill());
        }
        let last = place.last_segment();
        if round % 5 == 0 {
            // A power cut leaves this; a kill rarely does.
            let mut file = OpenOptions::new().append(true).open(&last).unwrap();
            file.write_all(b"{\"v\":1,\"chain\":\"sys\0\0\0").unwrap();
        }
        torn += usize::from(!fs::read(&last).unwrap().ends_with(b"\n"));
    }
    assert!(told.len() > 200, "only {} entries in {ROUNDS} rounds", told.len());
    let log = place.open();
    assert_each_once(&log, &told);
    let recorded = repairs(&read_all(&log)).len();
    assert!(torn >= 4 && recorded >= torn, "{recorded} of {torn} repairs are recorded");
    log.close().unwrap();
    place.assert_whole();
    // And without the file of heads it is the same log.
    fs::remove_file(place.file("heads")).unwrap();
    let log = place.open();
    assert_each_once(&log, &told);
    forget(log);
}
