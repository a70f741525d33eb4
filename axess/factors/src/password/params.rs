use serde::{Deserialize, Serialize};

/// Ceilings for parameters, wherever they come from. A record an attacker managed to write cannot ask for more.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_TIME_COST: u32 = 16;
const MAX_PARALLELISM: u32 = 16;

/// Argon2 needs at least 8 blocks of 1 KiB per lane (RFC 9106 §3.1).
const MIN_KIB_PER_LANE: u32 = 8;

/// What one Argon2id run costs (RFC 9106).
///
/// The default, 64 MiB and two passes on one lane, takes roughly 50 to 150 ms of one core and is well above the OWASP
/// minimum (19 MiB, two passes).
///
/// ```
/// use axess_factors::Argon2idParams;
/// assert_eq!(Argon2idParams::default().memory_kib(), 65_536);
/// assert!(Argon2idParams::new(2 * 1024 * 1024, 3, 1).is_err(), "2 GiB per login is past the ceiling");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawParams", into = "RawParams")]
pub struct Argon2idParams {
    memory_kib: u32,
    time_cost: u32,
    parallelism: u32,
}

/// Says which Argon2id parameter is out of range.
///
/// ```
/// use axess_factors::{Argon2idParams, Argon2idParamsError};
/// assert_eq!(Argon2idParams::new(65_536, 0, 1), Err(Argon2idParamsError::TimeCost));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Argon2idParamsError {
    /// Memory is below 8 KiB per lane or above 1 GiB.
    #[error("memory_kib must be between 8 per lane and 1048576 (1 GiB)")]
    Memory,
    /// No pass, or more than 16.
    #[error("time_cost must be between 1 and 16")]
    TimeCost,
    /// No lane, or more than 16.
    #[error("parallelism must be between 1 and 16")]
    Parallelism,
}

impl Argon2idParams {
    /// Creates parameters: memory in KiB, passes over it, and lanes.
    ///
    /// Lanes are computed one after another, so a second one does not make a hash faster here.
    ///
    /// # Errors
    ///
    /// [`Argon2idParamsError`] names the parameter that is out of range. The range allows less than OWASP's minimum,
    /// because stored hashes may be old.
    pub const fn new(memory_kib: u32, time_cost: u32, parallelism: u32) -> Result<Self, Argon2idParamsError> {
        if parallelism < 1 || parallelism > MAX_PARALLELISM {
            return Err(Argon2idParamsError::Parallelism);
        }
        if time_cost < 1 || time_cost > MAX_TIME_COST {
            return Err(Argon2idParamsError::TimeCost);
        }
        if memory_kib < MIN_KIB_PER_LANE * parallelism || memory_kib > MAX_MEMORY_KIB {
            return Err(Argon2idParamsError::Memory);
        }
        Ok(Self { memory_kib, time_cost, parallelism })
    }

    /// Returns parameters that cost next to nothing: 1 MiB and one pass.
    ///
    /// **For tests and demonstrations only.**
    #[must_use]
    pub const fn light() -> Self {
        Self { memory_kib: 1024, time_cost: 1, parallelism: 1 }
    }

    /// Returns the memory of one run, in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Returns the number of passes over the memory.
    #[must_use]
    pub const fn time_cost(self) -> u32 {
        self.time_cost
    }

    /// Returns the number of lanes.
    #[must_use]
    pub const fn parallelism(self) -> u32 {
        self.parallelism
    }

    /// Returns what a short-lived random code is hashed with: OWASP's minimum, or `self` where that is lighter.
    pub(crate) fn for_codes(self) -> Self {
        Self {
            memory_kib: self.memory_kib.min(19 * 1024),
            time_cost: self.time_cost.min(2),
            parallelism: self.parallelism,
        }
    }
}

impl Default for Argon2idParams {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, time_cost: 2, parallelism: 1 }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParams {
    memory_kib: u32,
    time_cost: u32,
    parallelism: u32,
}

impl TryFrom<RawParams> for Argon2idParams {
    type Error = Argon2idParamsError;

    fn try_from(raw: RawParams) -> Result<Self, Argon2idParamsError> {
        Self::new(raw.memory_kib, raw.time_cost, raw.parallelism)
    }
}

impl From<Argon2idParams> for RawParams {
    fn from(params: Argon2idParams) -> Self {
        Self { memory_kib: params.memory_kib, time_cost: params.time_cost, parallelism: params.parallelism }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_holds() {
        use Argon2idParamsError::{Memory, Parallelism, TimeCost};
        for (memory, time, lanes, fault) in [
            (8, 1, 1, None),
            (7, 1, 1, Some(Memory)),
            (128, 1, 16, None),
            (127, 1, 16, Some(Memory)),
            (1_048_576, 16, 16, None),
            (1_048_577, 1, 1, Some(Memory)),
            (u32::MAX, 1, 1, Some(Memory)),
            (65_536, 0, 1, Some(TimeCost)),
            (65_536, 17, 1, Some(TimeCost)),
            (65_536, 1, 0, Some(Parallelism)),
            (65_536, 1, 17, Some(Parallelism)),
            (65_536, 1, u32::MAX, Some(Parallelism)),
        ] {
            assert_eq!(
                Argon2idParams::new(memory, time, lanes).err(),
                fault,
                "m={memory} t={time} p={lanes}"
            );
        }
        for params in [Argon2idParams::default(), Argon2idParams::light()] {
            assert!(Argon2idParams::new(params.memory_kib, params.time_cost, params.parallelism).is_ok());
        }
    }

    #[test]
    fn a_configuration_file_is_checked_too() {
        let json = r#"{"memory_kib":65536,"time_cost":2,"parallelism":1}"#;
        let params: Argon2idParams = serde_json::from_str(json).unwrap();
        assert_eq!(params, Argon2idParams::default());
        assert_eq!(serde_json::to_string(&params).unwrap(), json);
        let faulty = json.replace("65536", "4");
        let error = serde_json::from_str::<Argon2idParams>(&faulty).unwrap_err().to_string();
        assert!(error.contains("memory_kib"), "{error}");
    }
}
