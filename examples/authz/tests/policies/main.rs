//! The policies beside a table of questions with their right answers, and beside what they answered at the last review.
//!
//! `table.json` says what is right. `golden.txt` says which policies determine each answer: a change of policies shows
//! there. `AXESS_GOLDEN=write cargo test -p example-authz --test policies` writes it anew; then read the difference.

#[cfg(test)]
mod policies {
    use axess::authz::{DecisionTable, PolicyStore};
    use std::{fs, path::PathBuf};

    fn file(name: &str) -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "tests", "policies", name].iter().collect()
    }

    fn policies() -> PolicyStore {
        PolicyStore::load_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies")).unwrap()
    }

    fn table() -> DecisionTable {
        DecisionTable::from_json(&fs::read_to_string(file("table.json")).unwrap()).unwrap()
    }

    #[test]
    fn every_answer_is_the_right_one() {
        let table = table();
        assert!(table.cases.len() > 100 && table.cases.iter().all(|case| case.expect.is_some()));
        if let Err(wrong) = table.check(&policies()) {
            panic!("{wrong}");
        }
    }

    #[test]
    fn the_policies_decide_as_they_did_when_they_were_reviewed() {
        let policies = policies();
        if std::env::var_os("AXESS_GOLDEN").is_some() {
            fs::write(file("golden.txt"), table().golden(&policies).unwrap()).unwrap();
        }
        let golden = fs::read_to_string(file("golden.txt")).unwrap();
        if let Err(difference) = table().check_golden(&policies, &golden) {
            panic!("{difference}");
        }
    }

    /// A policy that determines no answer is not tested by the table.
    #[test]
    fn every_policy_determines_an_answer() {
        let golden = fs::read_to_string(file("golden.txt")).unwrap();
        for policy in policies().policies() {
            assert!(golden.contains(&policy.id), "{}", policy.id);
        }
    }

    #[test]
    fn nothing_about_them_is_odd() {
        assert_eq!(policies().warnings(), []);
    }
}
