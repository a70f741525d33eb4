use super::visit::Visit;
use crate::{
    access::CALLER,
    app::App,
    console::view::{
        frame::{Here, answer},
        parts::span,
        policies::{ApprovalLine, PoliciesPage, RateLine, RoleLine},
    },
    settings::ServerSettings,
};
use audex_core::{
    rate::RateRule,
    roles::{RoleRule, Subject},
};
use audex_policy::{Ceiling, Rules};
use axess::GuardedRouter;
use axum::response::Response;
use chrono::TimeDelta;
use http::StatusCode;
use std::sync::Arc;

pub(super) fn routes() -> GuardedRouter<Arc<App>> {
    GuardedRouter::new().get("/console/policies", CALLER, show)
}

async fn show(visit: Visit) -> Response {
    let settings = &visit.app.settings;
    let rules = &settings.rules;
    let cedar = visit.app.access.policies_in_force();
    let page = PoliciesPage {
        frame: visit.frame("Policies", Here::Policies),
        cedar,
        default_ttl: rules.default_ttl.min(rules.max_ttl).to_string(),
        max_ttl: rules.max_ttl.to_string(),
        denies: texts(&rules.denies),
        boundary: rules.boundary.as_ref().map(ceiling),
        approval: approval(settings),
        rates: rules.rates.iter().map(rate).collect(),
        sources: rules.sources.iter().map(ToString::to_string).collect(),
        is_mapped: rules.roles.is_enabled,
        roles: rules.roles.rules.iter().map(role).collect(),
    };
    answer(StatusCode::OK, &page)
}

fn texts(rules: &Rules) -> Vec<String> {
    rules.texts().map(str::to_owned).collect()
}

fn ceiling(ceiling: &Ceiling) -> (String, Vec<String>) {
    (ceiling.name.clone(), texts(&ceiling.rules))
}

fn approval(settings: &ServerSettings) -> Option<ApprovalLine> {
    let rules = settings.approvals()?;
    Some(ApprovalLine {
        required: rules.required,
        roles: rules.roles.clone(),
        sensitive: texts(&rules.sensitive),
        waits: span(TimeDelta::from_std(settings.approval_expires).unwrap_or(TimeDelta::MAX)),
        needs_signature: settings.require_signature,
    })
}

fn rate(rule: &RateRule) -> RateLine {
    RateLine {
        identity: if rule.identity == "*" { "Everybody".to_owned() } else { rule.identity.clone() },
        max_requests: rule.max_requests,
        window: span(rule.window),
        max_concurrent: rule.max_concurrent,
    }
}

fn role(rule: &RoleRule) -> RoleLine {
    let subject = match &rule.subject {
        Subject::Email(email) => email.clone(),
        Subject::Group(group) => group.clone(),
    };
    let targets = rule.targets.iter().map(|(provider, target)| (provider.to_string(), target.clone()));
    RoleLine { subject, targets: targets.collect(), ceiling: rule.ceiling.as_ref().map(ceiling) }
}
