use audex_core::Plan;
use serde::Serialize;
use utoipa::ToSchema;

/// What would be issued.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanShape {
    /// Of which provider.
    provider: &'static str,
    /// The role, service account or audience.
    target: Option<String>,
    /// What would be allowed.
    actions: Vec<String>,
    /// What of that would be denied.
    denied: Vec<String>,
    /// What of the request would not be granted, and why.
    cuts: Vec<String>,
    /// The policy document, exactly as the provider would be told.
    policy: String,
    /// The lifetime.
    #[schema(example = "15m")]
    ttl: String,
    /// Who would have to agree first, if anybody has to.
    approval: Option<PlanApproval>,
    /// What is worth a second look.
    findings: Vec<FindingShape>,
    /// What a person should know about the provider.
    notes: Vec<String>,
}

/// Who would have to agree.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanApproval {
    /// How many.
    required: u8,
    /// In which roles.
    roles: Vec<String>,
    /// The rules that ask for it.
    rules: Vec<String>,
}

/// Something that is dangerous or useless about a grant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingShape {
    /// How bad it is.
    #[schema(value_type = String, example = "warning")]
    severity: audex_policy::Severity,
    /// The permission, or the actions that are dangerous together.
    subject: String,
    /// What is the matter, and what to do.
    message: String,
}

impl PlanShape {
    pub(in crate::api) fn new(plan: &Plan) -> Self {
        let texts = |set: &audex_policy::PermissionSet| set.iter().map(ToString::to_string).collect();
        let finding = |finding: &audex_policy::Finding| FindingShape {
            severity: finding.severity,
            subject: finding.subject.clone(),
            message: finding.message.clone(),
        };
        Self {
            provider: plan.grant.provider().name(),
            target: plan.shape.target.clone(),
            actions: texts(plan.grant.allow()),
            denied: texts(plan.grant.deny()),
            cuts: plan.cuts.iter().map(ToString::to_string).collect(),
            policy: plan.shape.document.clone(),
            ttl: plan.ttl.to_string(),
            approval: plan.approval.as_ref().map(|needed| PlanApproval {
                required: needed.required,
                roles: needed.roles.clone(),
                rules: needed.rules.clone(),
            }),
            findings: plan.findings.iter().map(finding).collect(),
            notes: plan.shape.notes.clone(),
        }
    }
}
