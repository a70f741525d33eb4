//! `[sso]`: at which identity provider people sign in.

use crate::{
    config::{document::Section, read},
    remote::ServerAddress,
};
use audex_server::settings::{OidcSettings, SamlSettings, SsoGroup, SsoProtocol, SsoSettings};
use std::{path::PathBuf, str::FromStr};

/// How the provider is spoken to.
enum Kind {
    Oidc,
    Saml,
}

impl FromStr for Kind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "oidc" => Ok(Self::Oidc),
            "saml" => Ok(Self::Saml),
            _ => Err("saml or oidc is needed"),
        }
    }
}

/// Reads what is turned on by `enabled`, or by the flag. What is off is not looked at.
pub(super) fn sso(table: Section<'_>, is_asked: bool) -> Option<SsoSettings> {
    let is_on = table.flag("enabled").unwrap_or(false) || is_asked;
    if !is_on || !table.is_there() {
        return None;
    }
    let kind = table.parsed("type");
    if !table.has("type") {
        table.missing("type", "this is needed: saml or oidc");
    }
    let protocol = match kind {
        Some(Kind::Oidc) => oidc(&table).map(SsoProtocol::Oidc),
        Some(Kind::Saml) => saml(&table).map(SsoProtocol::Saml),
        // Of which type the other keys are is not known.
        None => return None,
    };
    let lower = |names: Vec<String>| names.into_iter().map(|name| name.to_lowercase()).collect();
    let settings = |protocol| SsoSettings {
        groups_claim: table.name("groups_claim"),
        email_claim: table.name("email_claim"),
        name_claim: table.name("name_claim"),
        required_acr: table.names("required_acr"),
        required_amr: table.names("required_amr"),
        email_domains: lower(table.names("email_domains")),
        trust_email: table.flag("trust_email").unwrap_or(false),
        local_login: table.flag("local_login").unwrap_or(true),
        ca_file: read::file(&table, "ca_file"),
        groups: groups(&table),
        ..SsoSettings::new(protocol)
    };
    // Read also where something is missing: every fault is named at once.
    let none = || {
        SsoProtocol::Oidc(OidcSettings {
            provider_url: String::new(),
            client_id: String::new(),
            client_secret: None,
            client_key_path: None,
            is_public: false,
            redirect_uri: String::new(),
            scopes: Vec::new(),
        })
    };
    let is_whole = protocol.is_some();
    let settings = settings(protocol.unwrap_or_else(none));
    table.end();
    is_whole.then_some(settings)
}

fn oidc(table: &Section<'_>) -> Option<OidcSettings> {
    let (provider_url, client_id) = (needed(table, "provider_url"), needed(table, "client_id"));
    let redirect_uri = needed(table, "redirect_uri");
    let (client_secret, scopes) = (table.name("client_secret"), table.names("scopes"));
    let client_key_path = read::file(table, "client_key_path");
    let is_public = table.flag("public_client").unwrap_or(false);
    Some(OidcSettings {
        provider_url: provider_url?,
        client_id: client_id?,
        client_secret,
        client_key_path,
        is_public,
        redirect_uri: redirect_uri?,
        scopes,
    })
}

fn saml(table: &Section<'_>) -> Option<SamlSettings> {
    let (entity_id, idp_sso_url) = (needed(table, "entity_id"), needed(table, "idp_sso_url"));
    let certificate = read::file(table, "idp_cert_path");
    if !table.has("idp_cert_path") {
        table.missing("idp_cert_path", "this is needed");
    }
    let acs = needed(table, "assertion_consumer_service_url");
    let file = |key| -> Option<PathBuf> { read::file(table, key) };
    let (idp_entity_id, idp_slo_url) = (table.name("idp_entity_id"), table.name("idp_slo_url"));
    let (sp_key_path, sp_cert_path) = (file("sp_key_path"), file("sp_cert_path"));
    let name_id_format = table.name("name_id_format");
    let is_on = |key| table.flag(key).unwrap_or(false);
    let (allow_cbc, friendly_names) = (is_on("allow_cbc"), is_on("friendly_names"));
    Some(SamlSettings {
        entity_id: entity_id?,
        idp_sso_url: idp_sso_url?,
        idp_cert_path: certificate?,
        assertion_consumer_service_url: acs?,
        idp_entity_id,
        idp_slo_url,
        sp_key_path,
        sp_cert_path,
        name_id_format,
        allow_cbc,
        friendly_names,
    })
}

/// Returns the address that people use, as far as the place where browsers come back to tells it.
pub(super) fn public_url(sso: &SsoSettings) -> Option<String> {
    let back = match &sso.protocol {
        SsoProtocol::Oidc(oidc) => &oidc.redirect_uri,
        SsoProtocol::Saml(saml) => &saml.assertion_consumer_service_url,
    };
    let (scheme, rest) = back.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let address: ServerAddress = format!("{scheme}://{authority}").parse().ok()?;
    Some(address.to_string())
}

fn groups(table: &Section<'_>) -> Vec<SsoGroup> {
    let mut groups = Vec::new();
    for group in table.sections("groups") {
        let name = needed(&group, "name");
        let (teams, roles) = (group.names("groups"), group.names("roles"));
        if teams.is_empty() && roles.is_empty() {
            group.missing("roles", "groups or roles are needed: what the group means here");
        }
        groups.extend(name.map(|name| SsoGroup { name, groups: teams, roles }));
        group.end();
    }
    groups
}

fn needed(table: &Section<'_>, key: &'static str) -> Option<String> {
    let name = table.name(key);
    if !table.has(key) {
        table.missing(key, "this is needed");
    }
    name
}
