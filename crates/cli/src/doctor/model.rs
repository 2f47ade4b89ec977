//! Can the planner ask the model that the policy names?

use writ_agent::planner::config::ModelConfig;
use writ_policy::settings::{Endpoint, Model};

use super::appliance::Appliance;
use super::finding::{Finding, Question};
use crate::pages::page;

/// What stands in the way of asking it. Nothing fails by that: a fixed rule chooses instead.
pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let planner = seen.enforcer.policy().map(|policy| &policy.settings.planner).filter(|planner| planner.enabled);
    let Some(model) = planner.and_then(|planner| planner.model.as_ref()) else { return Vec::new() };
    let key = model.key.as_ref().zip(seen.config.secrets_out.as_ref());
    let has_key = key.is_none_or(|(key, folder)| folder.join(key).is_file());
    judge(model, seen.model.as_ref(), has_key).into_iter().collect()
}

fn judge(model: &Model, config: Option<&ModelConfig>, has_key: bool) -> Option<Finding> {
    let note = |code, why: String, next: &str| {
        let what =
            format!("the policy has it ask the model {}, and {why}: a fixed rule chooses runbooks instead", model.name);
        Some(Finding::note(Question::Healing, code, "writ-planner", what, next))
    };
    let Some(config) = config else {
        let next = concat!(
            "release a system that was built for this policy, or write the section [model] and the unit: ",
            page!("appliance.md"),
            "#asking-a-language-model"
        );
        return note("model-not-asked", "planner.toml has no [model]".to_owned(), next);
    };
    if let Ok(endpoint) = Endpoint::parse(&model.url)
        && endpoint.port != config.port
    {
        let why = format!("it listens at port {}, where planner.toml lets {} be reached", endpoint.port, config.port);
        return note("model-not-asked", why, "let `port` of [model] be the model's");
    }
    if !has_key {
        let name = model.key.as_deref().unwrap_or_default();
        let next = format!("`writ secret set --site … {name}`, and release; or lay it down on this machine by hand");
        return note("model-key", format!("the secret {name} is not here"), &next);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_model_from_being_asked_is_told() {
        let model = serde_json::json!({
            "url": "https://models.example:8443/v1", "name": "small-1", "key": "planner-key", "insecure": false,
            "deadline": "4s", "most_runbooks": 3,
            "budget": { "calls_per_hour": 6, "calls_per_day": 30, "microdollars_per_day": 100_000 },
            "price": { "input_microdollars_per_1000_tokens": 150, "output_microdollars_per_1000_tokens": 600 },
        });
        let model: Model = serde_json::from_value(model).unwrap();
        let config = |port| ModelConfig { credentials: None, ca_file: None, port };
        let code =
            |config: Option<ModelConfig>, has_key| judge(&model, config.as_ref(), has_key).map(|found| found.code);
        assert_eq!(code(None, true), Some("model-not-asked"));
        assert_eq!(code(Some(config(443)), true), Some("model-not-asked"));
        assert_eq!(code(Some(config(8443)), false), Some("model-key"));
        assert_eq!(code(Some(config(8443)), true), None);
    }
}
