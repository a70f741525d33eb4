use super::*;
use chrono::TimeDelta;

fn approval(required: u8) -> Approval {
    let roles = vec!["security".to_owned(), "compliance".to_owned()];
    Approval::new([1; 32], "alice", required, roles, DateTime::UNIX_EPOCH + TimeDelta::hours(1))
}

fn vote(approver: &str, role: &str, approve: bool) -> Vote {
    Vote {
        approver: approver.to_owned(),
        role: role.to_owned(),
        approve,
        comment: "because".to_owned(),
        at: DateTime::UNIX_EPOCH,
        signature: None,
    }
}

#[test]
fn two_have_to_be_in_different_roles() {
    let mut approval = approval(2);
    assert_eq!(approval.vote(vote("bob", "security", true)), Ok(ApprovalState::Pending));
    assert_eq!(approval.vote(vote("carol", "security", true)), Err(ApprovalFault::SameRole));
    assert_eq!(approval.vote(vote("bob", "compliance", true)), Err(ApprovalFault::Again));
    assert_eq!(approval.consume([1; 32], DateTime::UNIX_EPOCH), Err(ApprovalFault::NotApproved));
    assert_eq!(approval.vote(vote("carol", "compliance", true)), Ok(ApprovalState::Approved));
    assert_eq!(approval.vote(vote("dave", "compliance", false)), Err(ApprovalFault::Decided));
}

#[test]
fn one_refusal_decides() {
    let mut approval = approval(2);
    approval.vote(vote("bob", "security", true)).unwrap();
    assert_eq!(approval.vote(vote("carol", "security", false)), Ok(ApprovalState::Denied));
    assert_eq!(approval.consume([1; 32], DateTime::UNIX_EPOCH), Err(ApprovalFault::NotApproved));
}

#[test]
fn what_does_not_count_changes_nothing() {
    let cases = [
        (vote("alice", "security", true), ApprovalFault::Own),
        (vote("bob", "admin", true), ApprovalFault::Role),
        (Vote { comment: " ".to_owned(), ..vote("bob", "security", true) }, ApprovalFault::Comment),
        (Vote { comment: "  \u{200b}".to_owned(), ..vote("bob", "security", true) }, ApprovalFault::Comment),
        (
            Vote { comment: "ok \u{202e}on".to_owned(), ..vote("bob", "security", true) },
            ApprovalFault::Comment,
        ),
        (Vote { comment: "ok\u{0}".to_owned(), ..vote("bob", "security", true) }, ApprovalFault::Comment),
        (Vote { comment: "x".repeat(2_001), ..vote("bob", "security", true) }, ApprovalFault::Comment),
        (
            Vote { at: DateTime::UNIX_EPOCH + TimeDelta::hours(1), ..vote("bob", "security", true) },
            ApprovalFault::Expired,
        ),
    ];
    for (vote, fault) in cases {
        let mut one = approval(1);
        assert_eq!(one.vote(vote), Err(fault));
        assert_eq!(one, approval(1));
    }
}

#[test]
fn a_comment_may_have_lines_and_any_language() {
    for comment in ["one\r\ntwo\tthree", "עבור ההעברה", "👩\u{200d}💻 ok"] {
        let mut approval = approval(1);
        let vote = Vote { comment: comment.to_owned(), ..vote("bob", "security", true) };
        assert_eq!(approval.vote(vote), Ok(ApprovalState::Approved), "{comment}");
    }
}

#[test]
fn more_may_be_needed_than_when_it_was_made_and_never_less() {
    let needed = |required, roles: &[&str]| NeededApproval {
        rules: vec!["*".to_owned()],
        required,
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
    };
    let mut one = approval(1);
    one.vote(vote("bob", "security", true)).unwrap();
    assert!(!one.require(&needed(1, &["security"])), "it is enough");
    assert!(one.require(&needed(2, &["security", "compliance"])));
    assert_eq!((one.state(), one.required()), (ApprovalState::Pending, 2));
    assert_eq!(one.vote(vote("carol", "security", true)), Err(ApprovalFault::SameRole));
    assert_eq!(one.vote(vote("carol", "compliance", true)), Ok(ApprovalState::Approved));
    // Whoever agreed in a role that approves no longer does not count.
    assert!(one.require(&needed(1, &["security", "legal"])));
    assert_eq!(one.required(), 2);
    assert_eq!(one.vote(vote("dave", "legal", true)), Ok(ApprovalState::Approved));
    let approved = one.consume([1; 32], DateTime::UNIX_EPOCH).unwrap();
    assert!(approved.meets(&needed(2, &["security", "legal"])));
    assert!(!approved.meets(&needed(2, &["security"])) && !approved.meets(&needed(1, &["other"])));
}

#[test]
fn what_was_taken_back_is_decided_and_what_was_used_is_not_taken_back() {
    let (begin, late) = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + TimeDelta::hours(1));
    let mut one = approval(1);
    assert_eq!(one.withdraw(late), Err(ApprovalFault::Expired));
    one.vote(vote("bob", "security", true)).unwrap();
    one.withdraw(begin).unwrap();
    assert_eq!(one.state(), ApprovalState::Withdrawn);
    assert_eq!(one.consume([1; 32], begin), Err(ApprovalFault::NotApproved));
    assert_eq!(one.vote(vote("carol", "security", true)), Err(ApprovalFault::Decided));
    let mut used = approval(1);
    used.vote(vote("bob", "security", true)).unwrap();
    used.consume([1; 32], begin).unwrap();
    assert_eq!(used.withdraw(begin), Err(ApprovalFault::Decided));
}

#[test]
fn an_approval_is_for_one_request_and_one_time() {
    let mut approval = approval(1);
    approval.vote(vote("bob", "security", true)).unwrap();
    assert_eq!(approval.consume([2; 32], DateTime::UNIX_EPOCH), Err(ApprovalFault::OtherRequest));
    let late = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
    assert_eq!(approval.consume([1; 32], late), Err(ApprovalFault::Expired));
    assert!(approval.consume([1; 32], DateTime::UNIX_EPOCH).unwrap().is_for(&[1; 32]));
    assert_eq!(approval.consume([1; 32], DateTime::UNIX_EPOCH), Err(ApprovalFault::Decided));
}
