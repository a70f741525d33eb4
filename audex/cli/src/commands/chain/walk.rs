//! One step after the other.

use super::{ChainArgs, named};
use crate::{
    commands::{Invocation, aside::Aside},
    exit::{Failure, Outcome, SUCCESS},
    session::Finished,
};
use serde_json::{Value, json};

/// What came of the steps that were run.
pub(super) struct Walked {
    code: u8,
    rows: Vec<Value>,
    failure: Option<Failure>,
}

impl Walked {
    /// Runs one step after the other, until one fails or the user gives up.
    pub(super) fn through<T>(
        invocation: &Invocation,
        args: &ChainArgs,
        steps: Vec<(String, T)>,
        mut run: impl FnMut(T) -> Result<Finished, Failure>,
    ) -> Self {
        let mut walked = Self { code: SUCCESS, rows: Vec::new(), failure: None };
        let count = steps.len();
        for (index, (name, step)) in steps.into_iter().enumerate() {
            invocation.output.note(format_args!("step {} of {count}: {name}", index + 1));
            let finished = Aside::during(&invocation.output, || run(step));
            let is_over = finished.as_ref().is_ok_and(|finished| finished.is_interrupted);
            let code = walked.note(invocation, args, &name, finished);
            if walked.code == SUCCESS {
                walked.code = code;
            }
            if is_over || (walked.code != SUCCESS && !args.keep_going) {
                break;
            }
        }
        walked
    }

    /// Says how the chain ended.
    pub(super) fn tell(self, invocation: &Invocation, args: &ChainArgs) -> Outcome {
        let Self { code, rows, failure } = self;
        if let (Some(failure), false) = (failure, args.keep_going) {
            return Err(failure);
        }
        if invocation.output.is_json() {
            invocation.output.json(&json!({ "exit_code": code, "steps": rows }))?;
        }
        Ok(code)
    }

    /// Notes how a step ended; returns its code.
    fn note(
        &mut self,
        invocation: &Invocation,
        args: &ChainArgs,
        name: &str,
        finished: Result<Finished, Failure>,
    ) -> u8 {
        match finished {
            Ok(Finished { record, code, .. }) => {
                self.rows.push(json!({ "step": name, "exit_code": code, "session": record }));
                code
            }
            Err(failure) => {
                let failure = named(failure, name);
                let code = failure.exit.code();
                self.rows.push(json!({ "step": name, "exit_code": code, "error": failure.message }));
                if args.keep_going {
                    invocation.output.warn(&failure);
                }
                self.failure.get_or_insert(failure);
                code
            }
        }
    }
}
