use super::*;

const SCHEMA: &str = r#"
entity Document in [Shared] = { tenant_id: String, owner: User };
action "read" appliesTo { principal: [User, Workload], resource: [Document], context: RequestContext };
"#;

fn compose(files: &[(&str, &str)]) -> Result<PolicyStore, String> {
    let bundle =
        files.iter().fold(PolicyBundle::new("app"), |bundle, (name, text)| bundle.with_file(*name, *text));
    PolicyStore::compose(vec![PolicyBundle::base(), bundle]).map_err(|error| error.to_string())
}

#[test]
fn faults_name_file_line_and_policy() {
    let schema = ("app.cedarschema", SCHEMA);
    let table: [(&str, &str, &str); 9] = [
        ("a.cedar", "\npermit (principal, action, resource)", "a.cedar:2: "),
        (
            "a.cedar",
            "\npermit (principal, action == Action::\"nope\", resource);",
            "a.cedar:2: policy \"a.cedar#1\": ",
        ),
        (
            "a.cedar",
            "@id(\"x\")\npermit (principal, action, resource)\nwhen { resource.nope };",
            "a.cedar:3: policy \"x\": ",
        ),
        (
            "a.cedar",
            "@id(\"x\") permit (principal == ?principal, action, resource);",
            "a.cedar:1: a template",
        ),
        ("a.cedar", "@id(\"\") permit (principal, action, resource);", "a.cedar:1: an @id has"),
        ("b.txt", "", "b.txt: the name ends in none of"),
        ("b.cedarschema", "\nentity Broken = {", "b.cedarschema:2: "),
        ("b.cedarschema.json", "{\n\"\": {\"entityTypes\": 5}}", "b.cedarschema.json:2: "),
        ("b.cedarschema", "\n\nentity Folder in [Nowhere];", "b.cedarschema:3: "),
    ];
    for (name, text, expected) in table {
        let error = compose(&[schema, (name, text)]).unwrap_err();
        assert!(error.contains(&format!("\n  {expected}")), "{name}: {text}\n{error}");
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let error = compose(&[
        ("app.cedarschema", SCHEMA),
        ("a.cedar", "permit (principal, action == Action::\"nope\", resource);"),
        ("b.cedar", "permit ("),
    ])
    .unwrap_err();
    assert!(error.contains("a.cedar:1") && error.contains("b.cedar:1"), "{error}");
}

#[test]
fn text_that_hides_its_order_is_refused_and_an_idle_policy_is_odd() {
    let bidi = "permit (principal, action, resource) when { resource.tenant_id == \"a\u{202e}b\" };";
    let error = compose(&[("app.cedarschema", SCHEMA), ("a.cedar", bidi)]).unwrap_err();
    assert!(error.contains("a.cedar:1: policy \"a.cedar#1\""), "{error}");
    let idle = "permit (principal, action, resource) when { resource is User };";
    let store = compose(&[("app.cedarschema", SCHEMA), ("a.cedar", idle)]).unwrap();
    assert_eq!(store.warnings().len(), 1, "{:?}", store.warnings());
}

#[test]
fn ids_are_unique_over_all_bundles() {
    let stolen = "@id(\"axess.tenant-isolation\")\npermit (principal, action, resource);";
    let error = compose(&[("app.cedarschema", SCHEMA), ("a.cedar", stolen)]).unwrap_err();
    assert!(
        error.contains("a.cedar:1: policy \"axess.tenant-isolation\": the id is taken by base.cedar:2"),
        "{error}"
    );
}

#[test]
fn a_policy_without_an_id_has_its_place() {
    let two = "permit (principal, action, resource);\npermit (principal, action, resource);";
    let store = compose(&[("app.cedarschema", SCHEMA), ("dir/a.cedar", two)]).unwrap();
    let places: Vec<(&str, usize)> = store.policies().map(|info| (info.id.as_str(), info.line)).collect();
    assert_eq!(places, [("axess.tenant-isolation", 2), ("dir/a.cedar#1", 1), ("dir/a.cedar#2", 2)]);
}

#[test]
fn an_overlay_extends_types_and_changes_none() {
    let good = r#"
        entity User in [Team] = { department?: String };
        entity Team;
        type RequestContext = { custom?: { region?: String }, device?: DeviceFacts };
        type DeviceFacts = { platform?: String };
    "#;
    let uses = r#"permit (principal is User, action, resource)
        when { principal has department && principal.department == "it" && principal in Team::"a" &&
               context has custom.region && context.custom.region == "eu" &&
               context has device && context.device has platform && context.device.trusted };"#;
    compose(&[("app.cedarschema", SCHEMA), ("more.cedarschema", good), ("a.cedar", uses)]).unwrap();
    for (bad, message) in [
        (
            "\nentity User = { tenant_id: Long };",
            "x.cedarschema:2: User is declared already, and the type of tenant_id",
        ),
        ("entity User = { tenant_id?: String };", "whether tenant_id is optional cannot change"),
        ("entity User enum [\"a\"];", "User is declared already"),
        ("type RequestContext = { device: DeviceFacts };", "whether device is optional cannot change"),
        ("type RequestContext = String;", "RequestContext is declared already"),
        ("action \"read\" appliesTo { principal: [Role], resource: [Role] };", "read is declared already"),
    ] {
        let error = compose(&[("app.cedarschema", SCHEMA), ("x.cedarschema", bad)]).unwrap_err();
        assert!(error.contains(message), "{bad}\n{error}");
    }
}

#[test]
fn both_syntaxes_of_a_schema_mean_the_same() {
    let json = r#"{ "": {
        "entityTypes": { "Document": { "memberOfTypes": ["Shared"], "shape": { "type": "Record", "attributes": {
            "tenant_id": { "type": "String" }, "owner": { "type": "Entity", "name": "User" } } } } },
        "actions": { "read": { "appliesTo": { "principalTypes": ["User", "Workload"], "resourceTypes": ["Document"],
            "context": { "type": "RequestContext" } } } }
    } }"#;
    let policy = "permit (principal, action == Action::\"read\", resource) when { resource.owner == principal && context.mfa };";
    for schema in [("app.cedarschema", SCHEMA), ("app.cedarschema.json", json)] {
        let store = compose(&[schema, ("a.cedar", policy)]).unwrap();
        let context = serde_json::json!({ "mfa": true, "nope": 1, "device": { "id": "d", "nope": 1 } });
        let serde_json::Value::Object(context) = context else { panic!("an object") };
        let kept = store.shapes.prune_context(&"read".into(), context);
        assert_eq!(
            serde_json::Value::Object(kept),
            serde_json::json!({ "mfa": true, "device": { "id": "d" } })
        );
    }
}

#[test]
fn namespaces_see_the_base() {
    let schema = r#"
        namespace Billing {
            type Money = { cents: Long };
            entity Invoice = { tenant_id: String, total: Money };
            action "pay" appliesTo { principal: [User], resource: [Invoice], context: RequestContext };
        }
    "#;
    let policy = r#"permit (principal in Role::"payer", action == Billing::Action::"pay", resource)
        when { resource.total.cents < 100 && context.mfa };"#;
    let store = compose(&[("b.cedarschema", schema), ("a.cedar", policy)]).unwrap();
    let serde_json::Value::Object(context) = serde_json::json!({ "mfa": true, "x": 1 }) else {
        panic!("an object")
    };
    let kept =
        store.shapes.prune_context(&crate::ActionUid::in_namespace("Billing", "pay").unwrap(), context);
    assert_eq!(kept.len(), 1);
}

#[test]
fn a_policy_that_the_stack_might_not_do_for_is_refused() {
    let refused = |condition: String| {
        let policy = format!("@id(\"x\")\npermit (principal, action, resource) when {{ {condition} }};");
        match compose(&[("app.cedarschema", SCHEMA), ("a.cedar", &policy)]) {
            Ok(_) => None,
            Err(error) => {
                assert!(error.contains("a.cedar:1: policy \"x\": "), "{error}");
                Some(error)
            }
        }
    };
    // An operand is two deep: a variable and its attribute.
    let chain = |terms: usize, operator: &str| vec!["context.mfa"; terms].join(operator);
    let nested = |levels: usize| format!("{}context.mfa{}", "!(".repeat(levels), ")".repeat(levels));
    assert_eq!(refused(chain(31, " || ")), None);
    assert!(refused(chain(32, " || ")).unwrap().contains("nested more than 32 deep"));
    assert!(refused(chain(32, " && ")).unwrap().contains("nested more than 32 deep"));
    assert_eq!(refused(nested(30)), None);
    assert!(refused(nested(31)).unwrap().contains("nested more than 32 deep"));
    assert!(refused(chain(1_300, " || ")).unwrap().contains("nested more than 32 deep"));
    let set = |items: usize| format!("[{}].contains(resource.tenant_id)", vec!["\"t\""; items].join(", "));
    assert_eq!(refused(set(2_000)), None);
    assert!(refused(set(5_000)).unwrap().contains("more than 4096 expressions"));
}

#[test]
fn text_that_would_exhaust_the_stack_is_a_fault_and_no_crash() {
    let policy = |condition: String| format!("permit (principal, action, resource) when {{ {condition} }};");
    let types = format!("entity X = {{ a: {}String{} }};", "Set<".repeat(40_000), ">".repeat(40_000));
    let json = format!("{}1{}", "[".repeat(40_000), "]".repeat(40_000));
    for (name, text) in [
        ("a.cedar", policy(format!("{}true{}", "(".repeat(40_000), ")".repeat(40_000)))),
        ("a.cedar", policy(format!("{}true", "!".repeat(40_000)))),
        ("a.cedar", policy(vec!["true"; 60_000].join("||"))),
        ("a.cedar", policy(format!("{}true{}", "if true then ".repeat(8_000), " else true".repeat(8_000)))),
        // What passes the first look.
        ("a.cedar", policy(vec!["true"; 2_000].join("||"))),
        ("a.cedar", policy(vec!["1"; 4_000].join("+"))),
        ("a.cedar", policy(format!("{}true", "!".repeat(3_999)))),
        ("a.cedar", policy(format!("{}1", "-".repeat(3_999)))),
        ("a.cedar", policy(format!("context{}", ".a".repeat(3_999)))),
        ("a.cedar", policy(format!("{}true{}", "if true then ".repeat(60), " else true".repeat(60)))),
        ("a.cedar", policy(format!("{}true{}", "(".repeat(60), ")".repeat(60)) + &"||1".repeat(1_999))),
        ("a.cedarschema", types),
        ("a.cedarschema.json", json),
    ] {
        let error = compose(&[("app.cedarschema", SCHEMA), (name, &text)]).unwrap_err();
        assert!(error.contains(&format!("\n  {name}")), "{}", error.chars().take(300).collect::<String>());
    }
}
