use super::*;

fn pair() -> (Link, Link) {
    let (one, other) = UnixStream::pair().unwrap();
    (Link::new(one), Link::new(other))
}

fn order(env: Vec<(Text, Text)>) -> ToKeeper {
    ToKeeper::Order(Box::new(Order {
        command: vec![Text(OsString::from_vec(vec![0xff, b'a', b'\n']))],
        env,
        deadline: DateTime::UNIX_EPOCH,
        remaining: Duration::from_millis(1_500),
        grace: Duration::from_secs(5),
        group: 0,
        session_id: "one".to_owned(),
        data_dir: Text("/data".into()),
        audit_dir: Text("/log".into()),
    }))
}

#[tokio::test]
async fn any_bytes_arrive_as_they_were() {
    let (mut wrapper, mut keeper) = pair();
    let value = OsString::from_vec((1..=255).collect());
    wrapper.send(&order(vec![(Text("KEY".into()), Text(value.clone()))])).unwrap();
    wrapper.send(&ToKeeper::Goodbye).unwrap();
    wrapper.flush().await.unwrap();
    let Some(ToKeeper::Order(order)) = keeper.next().await.unwrap() else { panic!("no order") };
    assert_eq!(order.command[0].0.as_bytes(), [0xff, b'a', b'\n']);
    assert_eq!(order.env[0].1.0, value);
    assert_eq!(order.remaining, Duration::from_millis(1_500));
    assert!(matches!(keeper.next().await.unwrap(), Some(ToKeeper::Goodbye)));
    drop(wrapper);
    assert!(keeper.next::<ToKeeper>().await.unwrap().is_none());
}

#[tokio::test]
async fn the_largest_order_passes_and_both_ends_may_talk_at_once() {
    let (mut wrapper, mut keeper) = pair();
    let value = OsString::from_vec(vec![b'v'; KeeperOrder::MAX_BYTES]);
    wrapper.send(&order(vec![(Text("K".into()), Text(value))])).unwrap();
    keeper.send(&ToWrapper::Stopped).unwrap();
    let (heard, ordered) = tokio::join!(
        async {
            let heard = wrapper.next::<ToWrapper>().await.unwrap();
            wrapper.flush().await.unwrap();
            heard
        },
        keeper.next::<ToKeeper>()
    );
    assert!(matches!(heard, Some(ToWrapper::Stopped)));
    let Some(ToKeeper::Order(order)) = ordered.unwrap() else { panic!("no order") };
    assert_eq!(order.env[0].1.0.len(), KeeperOrder::MAX_BYTES);
}

#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    let (mut wrapper, keeper) = pair();
    let mut frame = Buffer::default();
    serde_json::to_writer(&mut frame, &ToWrapper::Started { pid: 7 }).unwrap();
    let mut bytes = u32::try_from(frame.0.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(&frame.0);
    let mut stream = keeper.stream;
    for byte in bytes {
        let cut = tokio::time::timeout(Duration::from_millis(1), wrapper.next::<ToWrapper>()).await;
        assert!(cut.is_err(), "the message is not complete");
        stream.write_all(&[byte]).await.unwrap();
    }
    assert!(matches!(wrapper.next().await.unwrap(), Some(ToWrapper::Started { pid: 7 })));
}

#[tokio::test]
async fn what_is_too_long_or_no_message_is_an_error() {
    for bytes in [u32::MAX.to_be_bytes().to_vec(), [&3_u32.to_be_bytes()[..], b"{]x"].concat()] {
        let (mut wrapper, keeper) = pair();
        let mut stream = keeper.stream;
        stream.write_all(&bytes).await.unwrap();
        assert!(wrapper.next::<ToWrapper>().await.is_err());
    }
    let (mut wrapper, _keeper) = pair();
    let value = OsString::from_vec(vec![b'v'; MAX_FRAME]);
    assert!(wrapper.send(&order(vec![(Text("K".into()), Text(value))])).is_err());
}
