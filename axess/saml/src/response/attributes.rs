use crate::{
    SamlConfig,
    xml::{Element, Node, ns},
};
use axess_factors::federated::{FederatedIdentity, FederationError};
use serde_json::Value;

/// What an assertion says about its subject, in order.
pub(super) struct Attributes {
    all: Vec<Attribute>,
    /// Whether they are found by their friendly names as well.
    friendly_names: bool,
}

struct Attribute {
    name: String,
    friendly_name: Option<String>,
    values: Vec<String>,
}

impl Attributes {
    pub(super) fn read(assertion: &Element, config: &SamlConfig) -> Result<Self, FederationError> {
        let statements = assertion.named(ns::ASSERTION, "AttributeStatement");
        let all = statements.flat_map(|statement| statement.elements()).map(Attribute::read);
        Ok(Self { all: all.collect::<Result<_, _>>()?, friendly_names: config.attributes.friendly_names })
    }

    /// Returns the first value of the first of these names that has one.
    pub(super) fn first(&self, names: &[String]) -> Option<String> {
        self.values(names).first().map(|value| (*value).to_owned())
    }

    /// Returns the values of the first of these names that has any.
    fn values(&self, names: &[String]) -> Vec<&str> {
        let found = |is_called: fn(&Attribute, &str) -> bool| {
            let of = |name: &String| {
                let called = self.all.iter().filter(move |one| is_called(one, name));
                called.flat_map(|one| &one.values).map(String::as_str).collect::<Vec<_>>()
            };
            names.iter().map(of).find(|values| !values.is_empty())
        };
        let by_name = found(|one, name| one.name == name);
        let by_friendly_name = || found(|one, name| one.friendly_name.as_deref() == Some(name));
        by_name.or_else(|| self.friendly_names.then(by_friendly_name).flatten()).unwrap_or_default()
    }

    /// Puts them into the identity: by their meaning, and all of them by their `Name`, as lists.
    pub(super) fn tell(&self, identity: &mut FederatedIdentity, config: &SamlConfig) {
        let mapping = &config.attributes;
        identity.email = self.first(&mapping.email).and_then(|address| address.trim().parse().ok());
        identity.email_verified = identity.email.is_some() && config.trust_email;
        identity.display_name = self.first(&mapping.display_name).map(|name| name.trim().to_owned());
        identity.username = self.first(&mapping.username);
        identity.groups = self.values(&mapping.groups).into_iter().map(str::to_owned).collect();
        for Attribute { name, values, .. } in &self.all {
            let entry = identity.attributes.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(all) = entry {
                all.extend(values.iter().cloned().map(Value::String));
            }
        }
    }
}

impl Attribute {
    fn read(element: &Element) -> Result<Self, FederationError> {
        let name = element.attribute("Name").filter(|name| !name.is_empty());
        let (Some(name), true) = (name, element.is(ns::ASSERTION, "Attribute")) else {
            return Err(FederationError::Malformed { what: "an attribute is not understood" });
        };
        let values = element.named(ns::ASSERTION, "AttributeValue").filter_map(value);
        let friendly_name = element.attribute("FriendlyName").map(str::to_owned);
        Ok(Self { name: name.to_owned(), friendly_name, values: values.collect() })
    }
}

/// Returns a value that is text, or a name (`eduPersonTargetedID`). Others are structures that nothing here asks for.
fn value(element: &Element) -> Option<String> {
    let text = match element.children.as_slice() {
        [Node::Element(name)] if name.is(ns::ASSERTION, "NameID") => name.name(),
        // As it is: a group or a subject with white space around it is not the one without.
        _ => element.exact_text(),
    };
    text.ok().filter(|text| !text.is_empty()).map(str::to_owned)
}
