//! Which of the pipeline's roles does what. An environment with a gate has two, so that no job holds both: what publishes
//! cannot move production, and what moves production cannot publish.

/// What a command does in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    /// All up to the gate, and what only looks.
    Publish,
    /// Moves aliases, and keeps the gateway.
    Release,
    /// Both in one run.
    Both,
}

/// The roles that an environment has, by what each is for.
pub(crate) fn roles(deploy_role: &str, gate: bool) -> Vec<(&'static str, String)> {
    if gate {
        ["publish", "release"].map(|duty| (duty, format!("{deploy_role}-{duty}"))).to_vec()
    } else {
        vec![("deploy", deploy_role.to_owned())]
    }
}

impl Duty {
    /// Name of the role that may do it; `None` where no single one may.
    pub(crate) fn role(self, deploy_role: &str, gate: bool) -> Option<String> {
        match (gate, self) {
            (false, _) => Some(deploy_role.to_owned()),
            (true, Self::Publish) => Some(format!("{deploy_role}-publish")),
            (true, Self::Release) => Some(format!("{deploy_role}-release")),
            (true, Self::Both) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_leaves_nobody_with_both() {
        assert_eq!(roles("shop", false), [("deploy", "shop".to_owned())]);
        assert_eq!(roles("shop", true).into_iter().map(|(_, role)| Some(role)).collect::<Vec<_>>(), {
            [Duty::Publish, Duty::Release].map(|duty| duty.role("shop", true))
        });
        let of = |gate| [Duty::Publish, Duty::Release, Duty::Both].map(|duty| duty.role("shop", gate));
        assert_eq!(of(false), ["shop"; 3].map(|role| Some(role.to_owned())));
        assert_eq!(of(true), [Some("shop-publish".to_owned()), Some("shop-release".to_owned()), None]);
    }
}
