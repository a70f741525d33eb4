/// Which attributes of an assertion mean what.
///
/// Each is found by the `Name` it may have; the first that is there counts.
///
/// ```
/// use axess_saml::AttributeMapping;
/// let mapping = AttributeMapping { groups: vec!["memberOf".into()], ..AttributeMapping::default() };
/// assert!(mapping.email.iter().any(|name| name == "mail"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeMapping {
    /// The user's address.
    pub email: Vec<String>,
    /// A name for people.
    pub display_name: Vec<String>,
    /// A short name.
    pub username: Vec<String>,
    /// The groups the user is in; one attribute with many values.
    pub groups: Vec<String>,
    /// What identifies the user for ever, instead of the `NameID`. With one set, single logout ends sessions by their
    /// name alone.
    pub subject: Option<String>,
    /// Whether attributes are found by their `FriendlyName` as well, after their `Name`. Default: no. It is for people to read and
    /// decides nothing (SAML Core §2.7.3.1), and at some providers it is chosen by others than those who choose the `Name`.
    pub friendly_names: bool,
}

impl Default for AttributeMapping {
    /// Knows what the common directories call them: eduPerson and X.500 names, and those of Microsoft's products.
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            email: names(&[
                "mail",
                "email",
                "urn:oid:0.9.2342.19200300.100.1.3",
                "urn:oid:1.2.840.113549.1.9.1",
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
            ]),
            display_name: names(&[
                "displayName",
                "urn:oid:2.16.840.1.113730.3.1.241",
                "http://schemas.microsoft.com/identity/claims/displayname",
                "cn",
                "urn:oid:2.5.4.3",
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            ]),
            username: names(&[
                "uid",
                "urn:oid:0.9.2342.19200300.100.1.1",
                "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
            ]),
            groups: names(&[
                "groups",
                "memberOf",
                "eduPersonAffiliation",
                "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
                "urn:oid:1.3.6.1.4.1.5923.1.1.1.1",
                "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
                "http://schemas.xmlsoap.org/claims/Group",
            ]),
            subject: None,
            friendly_names: false,
        }
    }
}
