//! What a tool may know of the environment that the command is called in. It starts from nothing: a variable that no list
//! here names does not reach it, so that the same commit makes the same release on anybody's machine.

/// What a tool is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A program that needs nothing but a machine that works.
    Any,
    /// Cargo and the compiler, for what is shipped.
    Package,
    /// Cargo for what runs here: lints, tests, a tool. Whoever tests the command needs what the command itself reads.
    Host,
    /// Python, pip and what it installs.
    Python,
    /// npm, to install what a lock file names. The scripts of a function are other people's programs, and [`Self::Any`].
    Npm,
    /// Terraform without an account: the local AWS, or none.
    Terraform,
    /// Terraform with the caller's credentials.
    Account,
    Git,
    /// The local AWS, and with it the functions, which in Lambda know nothing of this machine either.
    Function,
}

/// Names between spaces; one with a `*` at its end stands for all that begin with it.
type Names = &'static str;

/// What a machine has to say for any program to work on it: where things lie, who works, in which language, by which
/// proxy (tools differ in which case they read) into the network, whose certificates count, and which of several versions
/// of a program is meant.
const MACHINE: Names = "
    PATH HOME USER LOGNAME SHELL TERM NO_COLOR TZ LANG LANGUAGE LC_* TMPDIR TMP TEMP XDG_*
    DBUS_SESSION_BUS_ADDRESS LD_LIBRARY_PATH DYLD_* KRB5* NETRC HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
    http_proxy https_proxy all_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR NIX_SSL_CERT_FILE CURL_CA_BUNDLE
    REQUESTS_CA_BUNDLE NODE_EXTRA_CA_CERTS AWS_CA_BUNDLE OPENSSL_CONF OPENSSL_MODULES ASDF_* MISE_* NODENV_* PYENV_* RUSTUP_*
    TENV_* TFENV_* VOLTA_*";

/// How a repository is reached, not which one it is; with the settings that CI systems give in variables: credentials,
/// mirrors, folders to trust.
const REPOSITORIES: Names = "
    SSH_AUTH_SOCK SSH_AGENT_PID SSH_ASKPASS SSH_ASKPASS_REQUIRE DISPLAY WAYLAND_DISPLAY GNUPGHOME GIT_ASKPASS
    GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT GIT_SSL_* GIT_PROXY_* GIT_HTTP_* GIT_ALLOW_PROTOCOL
    GIT_PROTOCOL_FROM_USER GIT_EXEC_PATH GIT_CONFIG_COUNT GIT_CONFIG_KEY_* GIT_CONFIG_VALUE_* GIT_CONFIG_GLOBAL
    GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM";

/// Where git looks for a repository, and whom the helpers of its credentials ask.
const GIT: Names = "GIT_CEILING_DIRECTORIES GIT_DISCOVERY_ACROSS_FILESYSTEM GCM_* GH_* GITHUB_TOKEN GITLAB_TOKEN";

/// Which compiler, and whence sources come. Nothing of profiles, flags and targets: those are the workspace's to say.
const CARGO: Names = "
    CARGO_HOME CARGO_HTTP_* CARGO_NET_* CARGO_REGISTRIES_* CARGO_REGISTRY_* CARGO_SOURCE_* CARGO_CREDENTIAL_*
    CARGO_BUILD_JOBS RUSTC DEVELOPER_DIR SDKROOT NIX_*";

/// What the C compiler of this machine is told, and what tests and their reports are.
const HOST: Names = "
    CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR CC CXX AR CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH C_INCLUDE_PATH
    CPLUS_INCLUDE_PATH LIBRARY_PATH PKG_CONFIG* MACOSX_DEPLOYMENT_TARGET RUSTDOC RUST_BACKTRACE RUST_TEST_THREADS
    PROPTEST_* CI PYTHON TERRAFORM TERRAFORM_MIRROR TERRAFORM_RELEASES_URL";

/// Whence packages come, not where they go.
const PYTHON: Names = "
    PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_NO_INDEX PIP_FIND_LINKS PIP_CONFIG_FILE PIP_CERT PIP_CLIENT_CERT
    PIP_PROXY PIP_TRUSTED_HOST PIP_CACHE_DIR PIP_NO_CACHE_DIR PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES
    PIP_KEYRING_PROVIDER PIP_USE_FEATURE PIP_USE_DEPRECATED PIP_DISABLE_PIP_VERSION_CHECK";

/// Whence packages come, and with which token; npm reads its settings in either case. Nothing of what is installed, and how.
const NPM: Names = "
    NPM_TOKEN NODE_AUTH_TOKEN npm_config_//* NPM_CONFIG_USERCONFIG npm_config_userconfig NPM_CONFIG_GLOBALCONFIG
    npm_config_globalconfig NPM_CONFIG_REGISTRY npm_config_registry NPM_CONFIG_CACHE npm_config_cache NPM_CONFIG_CA
    npm_config_ca NPM_CONFIG_CAFILE npm_config_cafile NPM_CONFIG_STRICT_SSL npm_config_strict_ssl NPM_CONFIG_PROXY
    npm_config_proxy NPM_CONFIG_HTTPS_PROXY npm_config_https_proxy NPM_CONFIG_NOPROXY npm_config_noproxy
    NPM_CONFIG_FETCH_* npm_config_fetch_* NPM_CONFIG_OFFLINE npm_config_offline NPM_CONFIG_PREFER_OFFLINE
    npm_config_prefer_offline";

/// Whence providers come, and what to log. Nothing of workspaces, arguments and variables.
const TERRAFORM: Names = "
    TF_CLI_CONFIG_FILE TERRAFORM_CONFIG TF_PLUGIN_CACHE_DIR TF_REGISTRY_* TF_PROVIDER_DOWNLOAD_RETRY TF_TOKEN_*
    TF_LOG TF_LOG_* GODEBUG";

/// Who calls AWS, and by which of its doors.
const ACCOUNT: Names = "
    AWS_PROFILE AWS_DEFAULT_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_CONFIG_FILE
    AWS_SHARED_CREDENTIALS_FILE AWS_SDK_LOAD_CONFIG AWS_CREDENTIAL_EXPIRATION AWS_ROLE_ARN AWS_ROLE_SESSION_NAME
    AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_* AWS_EC2_METADATA_* AWS_METADATA_* AWS_SSO_* AWS_VAULT*
    AWS_STS_REGIONAL_ENDPOINTS AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT AWS_ENDPOINT_URL
    AWS_ENDPOINT_URL_* AWS_IGNORE_CONFIGURED_ENDPOINT_URLS AWS_MAX_ATTEMPTS AWS_RETRY_MODE";

/// What the lists above would let through and is nobody's to know: with it one may publish crates.
const SECRET: Names = "CARGO_REGISTRY_TOKEN";

/// What people set for the tools that run here, and may expect to be heard.
const EXPECTED: Names = "
    TF_* PIP_* PYTHONPATH PYTHONHOME CARGO_PROFILE_* CARGO_INCREMENTAL CARGO_BUILD_* CARGO_TARGET_*
    CARGO_ENCODED_RUSTFLAGS RUSTFLAGS RUSTC_* SOURCE_DATE_EPOCH GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
    GIT_COMMON_DIR GIT_NAMESPACE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES NODE_ENV NODE_OPTIONS NODE_PATH
    NPM_CONFIG_*";

impl Purpose {
    fn lists(self) -> &'static [Names] {
        match self {
            Self::Any => &[MACHINE],
            Self::Package => &[MACHINE, REPOSITORIES, CARGO],
            Self::Host => &[MACHINE, REPOSITORIES, CARGO, HOST, PYTHON, NPM, TERRAFORM],
            Self::Python => &[MACHINE, PYTHON],
            Self::Npm => &[MACHINE, REPOSITORIES, NPM],
            Self::Terraform => &[MACHINE, REPOSITORIES, TERRAFORM],
            Self::Account => &[MACHINE, REPOSITORIES, TERRAFORM, ACCOUNT],
            Self::Git => &[MACHINE, REPOSITORIES, GIT],
            Self::Function => &["PATH"],
        }
    }

    /// Whether a tool that is started for this knows the caller's variable of that name.
    pub(crate) fn knows(self, name: &str) -> bool {
        !is_in(SECRET, name) && self.lists().iter().any(|list| is_in(list, name))
    }
}

/// Which of the caller's variables somebody may think are heard, though they are not.
pub(crate) fn unheard<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    const ALL: [Purpose; 6] =
        [Purpose::Package, Purpose::Host, Purpose::Python, Purpose::Npm, Purpose::Account, Purpose::Git];
    let mut unheard: Vec<_> =
        names.filter(|name| is_in(EXPECTED, name) && !ALL.iter().any(|purpose| purpose.knows(name))).collect();
    unheard.sort_unstable();
    unheard
}

fn is_in(list: Names, name: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| match listed.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => listed == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Purpose; 8] = [
        Purpose::Any,
        Purpose::Package,
        Purpose::Host,
        Purpose::Python,
        Purpose::Npm,
        Purpose::Terraform,
        Purpose::Account,
        Purpose::Git,
    ];

    #[test]
    fn a_function_knows_nothing() {
        let names = "HOME LANG TZ https_proxy SSL_CERT_FILE AWS_PROFILE CARGO_HOME LD_LIBRARY_PATH";
        assert!(!names.split(' ').any(|name| Purpose::Function.knows(name)));
        assert!(Purpose::Function.knows("PATH"), "it is started by a program that has to be found");
    }

    #[test]
    fn every_tool_works_on_a_machine_behind_a_proxy() {
        for name in ["PATH", "HOME", "TMPDIR", "LC_ALL", "TZ", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "PYENV_ROOT"]
        {
            assert!(ALL.iter().all(|purpose| purpose.knows(name)), "{name}");
        }
    }

    #[test]
    fn each_knows_whence_its_own_things_come() {
        for (purpose, names) in [
            (
                Purpose::Package,
                &["CARGO_HOME", "CARGO_REGISTRIES_OURS_TOKEN", "CARGO_HTTP_CAINFO", "SSH_AUTH_SOCK"][..],
            ),
            (Purpose::Host, &["CARGO_TARGET_DIR", "CC", "TERRAFORM_MIRROR", "PIP_INDEX_URL", "TF_CLI_CONFIG_FILE"]),
            (Purpose::Python, &["PIP_INDEX_URL", "PIP_CONFIG_FILE", "PIP_CERT"]),
            (Purpose::Npm, &["npm_config_registry", "NPM_CONFIG_USERCONFIG", "npm_config_//r.example/:_authToken"]),
            (Purpose::Terraform, &["TF_TOKEN_app_terraform_io", "TF_LOG", "TF_LOG_PATH", "GIT_SSH_COMMAND"]),
            (Purpose::Account, &["AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]),
            (Purpose::Git, &["GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_ASKPASS", "GH_TOKEN"]),
        ] {
            assert!(names.iter().all(|name| purpose.knows(name)), "{purpose:?}");
        }
    }

    #[test]
    fn nothing_changes_what_is_released() {
        let names = "
            TF_WORKSPACE TF_CLI_ARGS TF_CLI_ARGS_apply TF_VAR_region TF_DATA_DIR TF_REATTACH_PROVIDERS
            CARGO_INCREMENTAL CARGO_PROFILE_LAMBDA_LTO CARGO_BUILD_RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
            CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER RUSTFLAGS RUSTC_WRAPPER RUSTC_BOOTSTRAP
            CARGO_MANIFEST_DIR CARGO_PKG_VERSION CARGO SOURCE_DATE_EPOCH PIP_TARGET PIP_USER PIP_PREFIX
            PIP_REQUIREMENT PYTHONPATH PYTHONHOME GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_CONFIG
            CIRCLE_OIDC_TOKEN CIRCLE_OIDC_TOKEN_V2 CARGO_REGISTRY_TOKEN AWS_REGION DATABASE_URL LD_PRELOAD
            NODE_ENV NODE_OPTIONS NODE_PATH npm_config_omit NPM_CONFIG_INSTALL_STRATEGY npm_config_ignore_scripts";
        for name in names.split_ascii_whitespace() {
            assert!(!ALL.iter().any(|purpose| purpose.knows(name)), "{name}");
        }
        for name in ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL"] {
            let known: Vec<_> = ALL.into_iter().filter(|purpose| purpose.knows(name)).collect();
            assert_eq!(known, [Purpose::Account], "{name}");
        }
        // A script of a function's is anybody's code.
        for name in ["NPM_TOKEN", "NODE_AUTH_TOKEN", "npm_config_//r.example/:_authToken", "SSH_AUTH_SOCK"] {
            assert!(Purpose::Npm.knows(name) && !Purpose::Any.knows(name), "{name}");
        }
        for name in ["CC", "CFLAGS", "CPATH", "LIBRARY_PATH", "CARGO_TARGET_DIR"] {
            assert!(!Purpose::Package.knows(name), "{name}");
        }
    }

    #[test]
    fn what_surprises_is_named() {
        let set = ["TF_WORKSPACE", "PATH", "TF_LOG", "GIT_DIR", "GIT_BRANCH", "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR"];
        assert_eq!(unheard(set.into_iter()), ["GIT_DIR", "TF_WORKSPACE"]);
    }
}
