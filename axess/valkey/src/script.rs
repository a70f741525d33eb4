//! Lua scripts, and how one is called.

use crate::{Valkey, error::store_error};
use axess_core::store::StoreError;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, ToRedisArgs, Value};
use std::sync::OnceLock;

/// A script and the digest the server knows it by.
pub(crate) struct Script {
    code: &'static str,
    digest: OnceLock<String>,
}

/// A call of a script. All its keys must be in one hash slot.
pub(crate) struct Call<'a> {
    valkey: &'a Valkey,
    script: &'static Script,
    keys: Vec<&'a str>,
    args: Vec<Vec<u8>>,
}

impl Script {
    pub(crate) const fn new(code: &'static str) -> Self {
        Self { code, digest: OnceLock::new() }
    }

    pub(crate) fn on<'a>(&'static self, valkey: &'a Valkey, key: &'a str) -> Call<'a> {
        Call { valkey, script: self, keys: vec![key], args: Vec::new() }
    }

    fn digest(&self) -> &str {
        self.digest.get_or_init(|| redis::Script::new(self.code).get_hash().to_owned())
    }
}

impl<'a> Call<'a> {
    pub(crate) fn key(mut self, key: &'a str) -> Self {
        self.keys.push(key);
        self
    }

    pub(crate) fn arg(mut self, arg: impl ToRedisArgs) -> Self {
        arg.write_redis_args(&mut self.args);
        self
    }

    pub(crate) async fn run<T: FromRedisValue>(self) -> Result<T, StoreError> {
        let answer = match self.send("EVALSHA", self.script.digest()).await {
            // The server was restarted, or a fresh node serves the slot. It learns the script from this call.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send("EVAL", self.script.code).await
            }
            answer => answer,
        };
        let answer = answer.map_err(store_error)?;
        T::from_redis_value(answer).map_err(|error| store_error(error.into()))
    }

    async fn send(&self, command: &str, script: &str) -> RedisResult<Value> {
        let mut cmd = Cmd::new();
        cmd.arg(command).arg(script).arg(self.keys.len()).arg(self.keys.as_slice()).arg(self.args.as_slice());
        self.valkey.send(&cmd).await
    }
}
