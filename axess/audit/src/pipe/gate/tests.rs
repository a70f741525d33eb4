use super::*;

fn gate(policy: BufferFullPolicy) -> Gate {
    Gate::new(policy, 4, 8, Duration::from_millis(300), 2)
}

async fn let_in(gate: &Gate, event_type: &str) -> Result<(), PipeError> {
    gate.enter(event_type).await.map(Entering::into_buffer)
}

async fn fill(gate: &Gate, events: usize) {
    for _ in 0..events {
        let_in(gate, "Logout").await.unwrap();
    }
}

#[tokio::test]
async fn drop_oldest_lets_everything_in() {
    let gate = gate(BufferFullPolicy::DropOldest);
    fill(&gate, 100).await;
    assert_eq!(gate.look(), (100, false, false));
}

#[tokio::test]
async fn block_waits_for_the_slowest_sink_and_then_gives_up() {
    let gate = gate(BufferFullPolicy::Block);
    fill(&gate, 4).await;
    gate.leave(0, 4);
    let started = tokio::time::Instant::now();
    assert!(matches!(let_in(&gate, "Logout").await, Err(PipeError::Full)), "sink 1 is still full");
    assert!(started.elapsed() >= Duration::from_millis(300));
    // One that would wait for as long as it takes is let in as soon as there is room.
    let gate = Gate::new(BufferFullPolicy::Block, 4, 8, Duration::from_secs(600), 2);
    fill(&gate, 4).await;
    gate.leave(0, 4);
    let (entered, ()) = tokio::join!(let_in(&gate, "LoginStarted"), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        gate.leave(1, 1);
    });
    entered.unwrap();
    assert_eq!(gate.look().0, 4);
}

#[tokio::test]
async fn an_event_on_its_way_holds_its_place_until_it_is_dropped() {
    let gate = gate(BufferFullPolicy::ShutdownAuthn);
    let mut on_their_way = Vec::new();
    for _ in 0..8 {
        on_their_way.push(gate.enter("Logout").await.unwrap());
    }
    assert!(matches!(gate.enter("Logout").await, Err(PipeError::Full)));
    on_their_way.clear();
    assert_eq!(gate.look(), (0, false, false));
}

#[tokio::test]
async fn a_full_gate_refuses_beginnings_until_half_has_drained() {
    let gate = gate(BufferFullPolicy::ShutdownAuthn);
    fill(&gate, 3).await;
    let_in(&gate, "LoginStarted").await.unwrap();
    for beginning in BEGINNINGS {
        assert!(matches!(let_in(&gate, beginning).await, Err(PipeError::Closed)), "{beginning}");
    }
    let_in(&gate, "LoginCompleted").await.unwrap();
    assert!(gate.look().1);
    for sink in 0..2 {
        gate.set_depth(sink, 3);
    }
    assert!(matches!(let_in(&gate, "LoginStarted").await, Err(PipeError::Closed)), "3 of 4 is not drained");
    for sink in 0..2 {
        gate.set_depth(sink, 2);
    }
    let_in(&gate, "LoginStarted").await.unwrap();
}

#[tokio::test]
async fn even_what_ends_something_has_a_limit() {
    let gate = gate(BufferFullPolicy::ShutdownAuthn);
    fill(&gate, 8).await;
    assert!(matches!(let_in(&gate, "Logout").await, Err(PipeError::Full)));
}

#[tokio::test]
async fn what_waits_in_a_database_counts() {
    let gate = gate(BufferFullPolicy::Block);
    gate.enter("Logout").await.unwrap().into_database();
    gate.set_upstream(3);
    assert_eq!(gate.look().0, 3);
    gate.arrive(3).arrived(2);
    gate.left_upstream(2);
    assert_eq!((gate.look().0, gate.depth(0), gate.depth(1)), (3, 2, 2));
}

#[tokio::test]
async fn a_count_made_while_events_enter_is_not_trusted() {
    let gate = gate(BufferFullPolicy::Block);
    let mark = gate.mark();
    let entering = gate.enter("Logout").await.unwrap();
    assert!(!gate.set_depth_since(mark, 0, 1), "the one that enters may be counted");
    gate.set_depth_near(mark, 0, 3);
    assert_eq!(gate.depth(0), 2, "two of others, if it is counted");
    gate.set_depth_near(mark, 0, 1);
    assert_eq!(gate.depth(0), 1, "the others were delivered elsewhere");
    entering.into_buffer();
    gate.set_depth_near(mark, 0, 1);
    assert_eq!(gate.depth(0), 2, "the one that entered may be missing from the count");
    assert!(!gate.set_depth_since(mark, 0, 1), "it has entered since");
    assert!(gate.set_depth_since(gate.mark(), 0, 1));
    assert_eq!(gate.depth(0), 1);
}

#[tokio::test]
async fn counts_made_under_load_follow_what_waits_down_again() {
    let gate = gate(BufferFullPolicy::DropOldest);
    for _ in 0..100 {
        fill(&gate, 9).await;
        // Somebody is always entering, and another process delivers everything.
        let (mark, entering) = (gate.mark(), gate.enter("Logout").await.unwrap());
        gate.set_depth_near(mark, 0, 0);
        gate.set_depth_near(mark, 1, 0);
        entering.into_buffer();
    }
    assert_eq!(gate.look().0, 1);
}

#[tokio::test]
async fn what_a_sink_has_before_it_is_counted_leaves_no_trace() {
    let gate = gate(BufferFullPolicy::DropOldest);
    for _ in 0..100 {
        let entering = gate.enter("Logout").await.unwrap();
        gate.leave(0, 1);
        gate.leave(1, 1);
        assert_eq!((gate.depth(0), gate.look().0), (0, 1));
        entering.into_buffer();
        let arriving = gate.arrive(3);
        gate.leave(0, 3);
        gate.leave(1, 3);
        arriving.arrived(3);
    }
    assert_eq!(gate.look().0, 0);
    gate.leave(0, 5);
    fill(&gate, 1).await;
    assert_eq!(gate.depth(0), 1, "events of other processes are not owed");
}

#[tokio::test]
async fn a_unit_of_work_does_not_wait_with_its_locks() {
    let gate = Gate::new(BufferFullPolicy::Block, 1, 2, Duration::from_secs(600), 1);
    fill(&gate, 1).await;
    let refused = axess_core::store::UnitOfWork::run(async {
        let refused = tokio::time::timeout(Duration::from_secs(60), let_in(&gate, "Logout")).await;
        Ok::<_, axess_core::store::StoreError>(refused)
    });
    assert!(matches!(refused.await.unwrap(), Ok(Err(PipeError::Full))));
}

#[tokio::test]
async fn a_shut_gate_lets_nothing_in_and_knows_when_it_is_empty() {
    let gate = gate(BufferFullPolicy::DropOldest);
    let last = gate.enter("Logout").await.unwrap();
    gate.shut();
    assert!(matches!(let_in(&gate, "Logout").await, Err(PipeError::ShutDown)));
    let (_, ()) = tokio::join!(gate.emptied(), async { last.into_buffer() });
    assert_eq!(gate.look(), (1, false, true));
}
