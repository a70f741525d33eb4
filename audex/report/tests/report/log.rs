//! A log of two weeks that was counted by hand.

use audex_report::{Chain, Decision, Fact, Head, Period, Report, Scope, Standard, Tally, What};
use chrono::{DateTime, TimeDelta, Utc};

/// The beginning of the period.
pub(crate) fn begin() -> DateTime<Utc> {
    "2026-07-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn period() -> Period {
    Period { from: begin(), to: begin() + TimeDelta::days(92) }
}

pub(crate) fn scope() -> Scope {
    let chain = |name: &str, sequence, digits: &str| Chain {
        chain: name.to_owned(),
        sequence,
        hash: digits.repeat(32),
    };
    Scope {
        subject: "https://audex.example.com".to_owned(),
        at: begin() + TimeDelta::days(93),
        head: Head {
            log: Some("0b9d7a52-6f1c-4d57-9a5a-1e1f3c2b4a60".to_owned()),
            chains: vec![chain("system", 41, "a1"), chain("0198-people", 7, "b2")],
        },
    }
}

/// A tally that is fed by the minute.
pub(crate) struct Log {
    pub(crate) tally: Tally,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { tally: Tally::new(period()) }
    }

    pub(crate) fn add(&mut self, minute: i64, who: &str, session: u128, what: What<'_>) -> &mut Self {
        let teams: &[String] = match who {
            "alice" => &["team:data".to_owned(), "team:devops".to_owned()],
            "bob" => &["team:devops".to_owned()],
            _ => &[],
        };
        let at = begin() + TimeDelta::minutes(minute);
        self.tally.add(&Fact { at, who, teams, session: Some(session), what });
        self
    }

    pub(crate) fn report(&self, standard: Standard) -> Report {
        Report::of(standard, scope(), &self.tally)
    }
}

pub(crate) const fn begun(role: &str, approvers: u32, budget_cents: Option<u64>) -> What<'_> {
    What::Begun {
        provider: "aws",
        role: Some(role),
        ttl_seconds: 900,
        budget_cents,
        approvers,
        is_own: false,
    }
}

pub(crate) const fn vote(approve: bool, role: &str, decision: Decision) -> What<'_> {
    What::Voted { approve, role, is_signed: approve, decision }
}

/// Four sessions, four requests for approval, two denials.
pub(crate) fn counted() -> Log {
    let mut log = Log::new();
    let asked = |required| What::ApprovalAsked { provider: "aws", required };
    let ended = |seconds| What::Ended { status: "Expired", seconds };
    let denied = What::Denied { provider: "aws", reason: "`iam:*` is denied" };
    // Two at once.
    log.add(0, "alice", 1, begun("reader", 0, Some(500)))
        .add(0, "alice", 1, What::Issued { is_refresh: false })
        .add(10, "alice", 1, What::Issued { is_refresh: true })
        .add(15, "alice", 1, ended(900))
        .add(20, "bob", 2, begun("reader", 0, Some(250)))
        .add(21, "bob", 2, What::IssueFailed)
        .add(21, "bob", 2, What::Ended { status: "Failed", seconds: 30 });
    // Granted by two of two after 30 minutes, and used.
    log.add(100, "alice", 3, asked(2))
        .add(110, "bob", 3, vote(true, "security", Decision::Open))
        .add(130, "carol", 3, vote(true, "compliance", Decision::Granted))
        .add(131, "alice", 3, begun("admin", 2, None))
        .add(132, "alice", 3, What::Issued { is_refresh: false })
        .add(140, "alice", 3, What::Revoked { still_work: 1 })
        .add(140, "alice", 3, What::Ended { status: "Revoked", seconds: 540 });
    // Denied after a minute; withdrawn; never decided; granted after two hours and never used; still open.
    log.add(200, "bob", 4, asked(1)).add(201, "carol", 4, vote(false, "security", Decision::Denied));
    log.add(210, "bob", 5, asked(1)).add(215, "bob", 5, What::Withdrawn);
    log.add(220, "bob", 6, asked(1)).add(400, "system", 6, What::Lapsed);
    log.add(500, "bob", 7, asked(1)).add(620, "carol", 7, vote(true, "security", Decision::Granted)).add(
        900,
        "system",
        7,
        What::Lapsed,
    );
    log.add(1_000, "bob", 8, asked(3));
    // Denied by rules, and everything else.
    log.add(1_100, "mallory", 9, denied)
        .add(1_101, "mallory", 10, denied)
        .add(1_200, "alice", 1, What::BudgetWarned)
        .add(1_201, "alice", 1, What::BudgetExceeded { spent_cents: 620, limit_cents: 500 })
        .add(1_300, "alice", 0, What::LoggedIn)
        .add(1_301, "mallory", 0, What::LoginFailed { reason: "factors_exhausted" })
        .add(1_302, "root", 0, What::Administered { action: "person.invited" })
        .add(1_303, "root", 0, What::Other);
    // Not of the period.
    log.add(-1, "alice", 11, begun("reader", 0, None)).add(
        92 * 24 * 60,
        "alice",
        12,
        begun("reader", 0, None),
    );
    log
}
