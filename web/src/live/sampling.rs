//! How an answer is drawn.

/// The largest whole number that JavaScript hands on as it is.
const MAX_SEED: u64 = (1 << 53) - 1;

/// As the fields of the page hold it, which may be nonsense at any moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampling {
    /// 0 takes the likeliest token always.
    pub temperature: String,
    /// What is drawn by.
    pub seed: String,
    /// How many tokens an answer has at most.
    pub max_completion_length: String,
}

/// A field that holds no such number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {found:?}; expected {expected}")]
pub struct Unfit {
    field: &'static str,
    found: String,
    expected: &'static str,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: "0".to_owned(),
            seed: "0".to_owned(),
            max_completion_length: "256".to_owned(),
        }
    }
}

impl Sampling {
    /// What the worker is asked, as JSON.
    ///
    /// # Errors
    /// The first field that holds no such number.
    pub fn request(&self, prompt: &str) -> Result<String, Unfit> {
        let temperature: Option<f32> = self.temperature.trim().parse().ok();
        let temperature = temperature.filter(|value| (0.0..=100.0).contains(value));
        let seed: Option<u64> = self.seed.trim().parse().ok();
        let seed = seed.filter(|seed| *seed <= MAX_SEED);
        let length: Option<u32> = self.max_completion_length.trim().parse().ok();
        let length = length.filter(|length| *length > 0);
        let unfit = |field, found: &str, expected| Unfit {
            field,
            found: found.to_owned(),
            expected,
        };
        let temperature = temperature.ok_or_else(|| {
            unfit(
                "temperature",
                &self.temperature,
                "a number from 0, which takes the likeliest token, to 100",
            )
        })?;
        let seed =
            seed.ok_or_else(|| unfit("seed", &self.seed, "a whole number from 0 to 2^53 - 1"))?;
        let length = length.ok_or_else(|| {
            unfit(
                "max_completion_length",
                &self.max_completion_length,
                "a number of tokens from 1 to 2^32 - 1",
            )
        })?;
        let request = serde_json::json!({
            "prompt": prompt,
            "chatml": true,
            "temperature": temperature,
            "seed": seed,
            "max_completion_length": length,
        });
        Ok(request.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_named() {
        let mut sampling = Sampling::default();
        assert!(
            sampling
                .request("p")
                .unwrap()
                .contains("\"temperature\":0.0")
        );
        for wrong in ["", "-1", "NaN", "inf", "warm"] {
            sampling.temperature = wrong.to_owned();
            let said = sampling.request("p").unwrap_err().to_string();
            assert!(
                said.starts_with(&format!("temperature is {wrong:?}")),
                "{said}"
            );
        }
        sampling.temperature = "0.7".to_owned();
        for wrong in ["1.5", "9007199254740992"] {
            sampling.seed = wrong.to_owned();
            let said = sampling.request("p").unwrap_err().to_string();
            assert!(said.starts_with(&format!("seed is {wrong:?}")), "{said}");
        }
        sampling.seed = MAX_SEED.to_string();
        sampling.max_completion_length = "0".to_owned();
        let said = sampling.request("p").unwrap_err().to_string();
        assert_eq!(
            said,
            "max_completion_length is \"0\"; expected a number of tokens from 1 to 2^32 - 1"
        );
    }
}
