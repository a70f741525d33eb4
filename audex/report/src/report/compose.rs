//! The figures, section by section.

use super::{Figure, Item, Section, Shape, Unit, Value};
use crate::{
    Standard, Tally,
    standard::Topic,
    tally::{DECISIONS, DURATIONS, Names, Spread, Top},
};

/// How many names a table shows.
const SHOWN: usize = 15;

/// What is said of each report.
pub(super) const NOTES: [&str; 7] = [
    "The figures are counts of recorded events; they are evidence for an auditor, not an opinion on whether a control is effective.",
    "An event that cannot be recorded stops what it would tell of, so what was issued is in the log.",
    "`tryaudex audit verify` proves that the log was not changed; the entries at the heads that are named here have these hashes in it.",
    "Events that were deleted because they need not be kept longer are not counted: the first event above shows where the log begins.",
    "Teams are those that people are in when the report is made, and roles those that were recorded with each session.",
    "Percentiles are exact to 17 minutes and within 0.2 per cent above. Times to a decision are of requests made in the period.",
    "Names outside Latin, Greek and Cyrillic letters are written as code points in the PDF; JSON and CSV have them as recorded.",
];

const LABELS_OF_DURATIONS: [&str; DURATIONS.len() + 1] =
    ["< 1 min", "1–5 min", "5–15 min", "15–30 min", "30–60 min", "1–4 h", "4–12 h", "≥ 12 h"];

const LABELS_OF_DECISIONS: [&str; DECISIONS.len() + 1] =
    ["< 1 min", "1–5 min", "5–15 min", "15–60 min", "1–4 h", "4–24 h", "≥ 24 h"];

/// Makes the sections of a report.
pub(super) fn sections(standard: Standard, tally: &Tally) -> Vec<Section> {
    let make = Make { standard, tally };
    vec![make.sessions(), make.access(), make.approvals(), make.budgets(), make.denials(), make.accounts()]
}

struct Make<'a> {
    standard: Standard,
    tally: &'a Tally,
}

impl Make<'_> {
    fn sessions(&self) -> Section {
        let sessions = &self.tally.sessions;
        let counts = vec![
            count("Sessions begun", sessions.begun),
            count("Credentials issued", sessions.issued),
            count("Credentials renewed", sessions.refreshed),
            count("Not issued: the provider failed", sessions.failed),
        ];
        let ended = vec![
            count("Sessions ended early", sessions.revoked),
            count("Credentials that worked on after it", sessions.still_work),
        ];
        let figures = vec![
            self.numbers("sessions", "Sessions", Topic::Sessions, counts),
            self.numbers("lifetimes", "Lifetimes that were granted", Topic::Sessions, times(&sessions.lifetimes)),
            self.numbers("durations", "Durations of sessions that ended", Topic::Sessions, times(&sessions.durations)),
            self.distribution(
                "duration_distribution",
                "Sessions by duration",
                Topic::Sessions,
                buckets(&LABELS_OF_DURATIONS, &sessions.duration_buckets),
            ),
            self.table("endings", "How sessions ended", Topic::Sessions, &["Ending", "Sessions"], &sessions.endings),
            self.numbers("revocations", "Revocation", Topic::Revocation, ended)
                .with_note("A credential that its provider cannot end works on until it expires; the log says until when and why."),
        ];
        let about = "Each session is one short-lived credential, or several in a row, for one purpose. It ends by itself.";
        Section { id: "sessions", title: "Sessions and their duration", about, figures }
    }

    fn access(&self) -> Section {
        const COLUMNS: [&str; 3] = ["", "Sessions", "Denied"];
        let access = &self.tally.access;
        let named = |name| [name, COLUMNS[1], COLUMNS[2]];
        let figures = vec![
            self.table("by_team", "Access by team", Topic::Access, &named("Team"), &access.teams)
                .with_note("Somebody in several teams counts in each."),
            self.table("by_role", "Access by role", Topic::Access, &["Role", "Sessions"], &access.roles),
            self.table(
                "by_identity",
                "Access by identity",
                Topic::Access,
                &named("Identity"),
                &access.people,
            ),
            self.table(
                "by_provider",
                "Access by provider",
                Topic::Access,
                &named("Provider"),
                &access.providers,
            ),
        ];
        let about = "Who got access, as which role and in which team. An identity is proved by a login, a token or a workload.";
        Section { id: "access", title: "Access by role and team", about, figures }
    }

    fn approvals(&self) -> Section {
        let approvals = &self.tally.approvals;
        let outcomes = vec![
            count("Asked for", approvals.asked),
            count("Granted", approvals.granted),
            count("Denied", approvals.denied),
            count("Expired undecided", approvals.lapsed),
            count("Withdrawn", approvals.withdrawn),
            count("Granted and never used", approvals.unused),
            count("Undecided at the end", self.tally.undecided()),
        ];
        let [one, two, more] = approvals.required;
        let quorum = vec![
            count("One approval required", one),
            count("Two required", two),
            count("Three or more required", more),
        ];
        let votes = vec![
            count("Agreements", approvals.agreements),
            count("Refusals", approvals.refusals),
            count("Signed with the approver's key", approvals.signed),
        ];
        let checks = vec![
            count("Sessions begun with approval", approvals.begun),
            count("… with fewer than required", approvals.short),
            count("… approved by who asked", approvals.own),
        ];
        let voted = ["Role", "Agreed", "Refused"];
        let figures = vec![
            self.numbers("approval_outcomes", "Requests for approval", Topic::Approval, outcomes),
            self.numbers("decision_times", "Time to a decision", Topic::Approval, times(&approvals.times)),
            self.distribution(
                "decision_distribution",
                "Decisions by the time they took",
                Topic::Approval,
                buckets(&LABELS_OF_DECISIONS, &approvals.time_buckets),
            ),
            self.numbers("quorum", "Quorum", Topic::Separation, quorum),
            self.numbers("separation", "Separation of duties", Topic::Separation, checks)
                .with_note("The last two are 0 when every approval was by enough others."),
            self.numbers("votes", "Votes", Topic::Approval, votes),
            self.table("votes_by_role", "Votes by role", Topic::Separation, &voted, &approvals.roles),
            self.table(
                "votes_by_approver",
                "Votes by approver",
                Topic::Separation,
                &["Approver", voted[1], voted[2]],
                &approvals.approvers,
            ),
        ];
        let about = "What is sensitive needs the agreement of others: enough of them, in different roles, and never who asked.";
        Section { id: "approvals", title: "Approval workflow", about, figures }
    }

    fn budgets(&self) -> Section {
        let budgets = &self.tally.budgets;
        let kept = budgets.sessions.saturating_sub(budgets.exceeded);
        let kept = (kept * 1_000).checked_div(budgets.sessions);
        let items = vec![
            count("Sessions with a budget", budgets.sessions),
            item("Budgets kept", Unit::PerMille, kept),
            count("Warnings at 80 %", budgets.warned),
            count("Budgets exceeded", budgets.exceeded),
            item("Budgets in all", Unit::UsCents, Some(budgets.granted_cents)),
            item("Spent over budgets", Unit::UsCents, Some(budgets.over_cents)),
        ];
        let figure = self.numbers("budgets", "Budgets", Topic::Budget, items).with_note(
            "Spending is what providers account for, hours late: it is counted when it was recorded.",
        );
        let about = "A session may name what it is allowed to spend.";
        Section { id: "budgets", title: "Budget compliance", about, figures: vec![figure] }
    }

    fn denials(&self) -> Section {
        let all = self.tally.sessions.begun + self.tally.denials;
        let share = (self.tally.denials * 1_000).checked_div(all);
        let items = vec![
            count("Requests denied by rules", self.tally.denials),
            item("Share of what rules decided", Unit::PerMille, share),
            count("Denied by approvers", self.tally.approvals.denied),
        ];
        let figures = vec![
            self.numbers("denials", "Denied requests", Topic::Denial, items),
            self.table(
                "reasons",
                "Reasons of rules",
                Topic::Denial,
                &["Reason", "Requests"],
                &self.tally.reasons,
            ),
        ];
        let about = "What was asked for and not given: by rules, ceilings, limits, or somebody's refusal.";
        Section { id: "denials", title: "Denied requests and reasons", about, figures }
    }

    fn accounts(&self) -> Section {
        let logins =
            vec![count("Logins", self.tally.logins), count("Logins that failed", self.tally.failed_logins)];
        let figures = vec![
            self.numbers("logins", "Logins", Topic::Login, logins),
            self.table(
                "login_failures",
                "Why logins failed",
                Topic::Login,
                &["Reason", "Logins"],
                &self.tally.login_reasons,
            ),
            self.numbers(
                "changes",
                "Administration",
                Topic::Administration,
                vec![count("Changes of accounts, tokens and keys", self.tally.changes)],
            ),
            self.table(
                "changes_by_kind",
                "Changes by kind",
                Topic::Administration,
                &["Change", "Times"],
                &self.tally.administered,
            ),
            self.numbers(
                "log",
                "The log itself",
                Topic::Log,
                vec![count("Events of the period", self.tally.facts)],
            ),
        ];
        let about = "Who could ask at all, and what was changed about that.";
        Section { id: "accounts", title: "Accounts, logins and the log", about, figures }
    }

    fn figure(&self, id: &'static str, title: &'static str, topic: Topic, shape: Shape) -> Figure {
        Figure { id, title, controls: self.standard.supported_by(topic), shape, note: None }
    }

    fn numbers(&self, id: &'static str, title: &'static str, topic: Topic, items: Vec<Item>) -> Figure {
        self.figure(id, title, topic, Shape::Numbers { items })
    }

    fn distribution(&self, id: &'static str, title: &'static str, topic: Topic, items: Vec<Item>) -> Figure {
        self.figure(id, title, topic, Shape::Distribution { items })
    }

    fn table<const N: usize>(
        &self,
        id: &'static str,
        title: &'static str,
        topic: Topic,
        columns: &[&'static str],
        names: &Names<N>,
    ) -> Figure {
        let Top { rows, more, rest, is_exact } = names.top(SHOWN);
        let rows = rows.into_iter().map(|(name, counts)| (name.to_owned(), counts.to_vec())).collect();
        let shape = Shape::Table { columns: columns.to_vec(), rows, more, rest: rest.to_vec(), is_exact };
        self.figure(id, title, topic, shape)
    }
}

impl Figure {
    fn with_note(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }
}

const fn item(label: &'static str, unit: Unit, amount: Option<u64>) -> Item {
    Item { label, value: Value { amount, unit } }
}

const fn count(label: &'static str, amount: u64) -> Item {
    item(label, Unit::Count, Some(amount))
}

fn times(spread: &Spread) -> Vec<Item> {
    let seconds = |label, amount| item(label, Unit::Seconds, amount);
    vec![
        count("Counted", spread.count()),
        seconds("Median (p50)", spread.percentile(50)),
        seconds("95th percentile", spread.percentile(95)),
        seconds("Mean", spread.mean()),
        seconds("Longest", spread.greatest()),
    ]
}

fn buckets(labels: &[&'static str], counts: &[u64]) -> Vec<Item> {
    labels.iter().zip(counts).map(|(label, amount)| count(label, *amount)).collect()
}
