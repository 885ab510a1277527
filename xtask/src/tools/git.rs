//! The door to git: the branch, the commit, and how two commits stand to each other. Of work trees the program itself is
//! asked, always: a library has other opinions on filters, sparse checkouts and owners, and two answers are none. Of
//! commits, which have one truth, libgit2 is asked where it can read the repository, without starting anything.

use crate::error::{Hint, bail_hint, with_hint};
use crate::model::caller::Purpose;
use crate::model::release::Relation;
use crate::tools::process::{Finished, Tool};
use anyhow::{Context, Result, anyhow};
use git2::{Oid, Repository};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The repository of the checkout.
pub(crate) struct Git {
    folder: PathBuf,
    /// `None` where libgit2 cannot read the repository: reftables, SHA-256, partial clones, another owner.
    commits: Option<Mutex<Repository>>,
    /// What was asked of commits, which never change.
    answers: Mutex<BTreeMap<String, Option<String>>>,
}

impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Git").field(&self.folder).finish()
    }
}

impl Git {
    /// The repository around `root`, in which it may be a folder.
    ///
    /// # Errors
    /// There is none, git does not read it, or it is one that knows nothing of the checkout.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let commits = Repository::discover(root).ok().map(Mutex::new);
        let git = Self { folder: root.to_path_buf(), commits, answers: Mutex::default() };
        let top =
            git.ask(&["rev-parse", "--show-toplevel"]).hint("install git: the alias is named after the branch")?;
        let none = "run `git init` and make a first commit: the alias is named after the branch";
        if !top.success() {
            let said = anyhow!("{}", top.stderr.trim());
            return Err(if root.ancestors().any(|folder| folder.join(".git").symlink_metadata().is_ok()) {
                let said = said.context(format!("git cannot work in `{}`", root.display()));
                with_hint(said, "do what git says there, until `git status` works in this folder")
            } else {
                with_hint(said.context(format!("`{}` is not a git repository", root.display())), none)
            });
        }
        let top = PathBuf::from(text(&top));
        if root.canonicalize().is_ok_and(|root| root != top) && git.answer(&["ls-files", "--", "."])?.is_empty() {
            bail_hint!(
                none;
                "`{}` lies in the git repository `{}`, which has none of its files", root.display(), top.display()
            );
        }
        Ok(git)
    }

    /// The branch that is checked out.
    pub(crate) fn head_branch(&self) -> Result<String> {
        match self.checked_out()? {
            Some(branch) => Ok(branch),
            None => bail_hint!(
                "name the branch with `--branch` or `GIT_BRANCH`";
                "HEAD is detached, so no branch names the alias"
            ),
        }
    }

    /// The same; `None` where HEAD is detached.
    pub(crate) fn checked_out(&self) -> Result<Option<String>> {
        // An unborn branch has a name already, but no commit; `commit` says so.
        let head = self.ask(&["symbolic-ref", "--quiet", "HEAD"])?;
        Ok(text(&head).strip_prefix("refs/heads/").map(str::to_owned))
    }

    pub(crate) fn has_branch(&self, name: &str) -> bool {
        let reference = format!("refs/heads/{name}");
        self.ask(&["show-ref", "--verify", "--quiet", "--", &reference]).is_ok_and(|found| found.success())
    }

    pub(crate) fn remotes(&self) -> Vec<String> {
        self.answer(&["remote"]).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The commits that a branch is at: here, and where it was last fetched from.
    pub(crate) fn tips(&self, branch: &str) -> Vec<String> {
        let remotes = self.remotes().into_iter().map(|remote| format!("refs/remotes/{remote}/{branch}"));
        let references = [format!("refs/heads/{branch}")].into_iter().chain(remotes);
        let tip = |reference: String| self.ask(&["rev-parse", "--verify", "--quiet", &reference]).ok();
        references.filter_map(tip).filter(Finished::success).map(|tip| text(&tip)).collect()
    }

    /// The full id of HEAD's commit.
    pub(crate) fn commit(&self) -> Result<String> {
        let head = self.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])?;
        if !head.success() {
            bail_hint!("commit first: the release record names the commit"; "there is no commit yet");
        }
        Ok(text(&head))
    }

    /// Whether the work tree differs from HEAD (files that git ignores do not count).
    pub(crate) fn is_dirty(&self) -> Result<bool> {
        // Whatever the user's settings are: a file that git does not know may be compiled.
        let status = ["--no-optional-locks", "status", "--porcelain", "--untracked-files=normal"];
        Ok(!self.answer(&status).context("cannot read the state of the work tree")?.is_empty())
    }

    /// The files of the work tree, by their paths in the checkout, but for those that git ignores.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let listed = self.answer(&["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]);
        let listed = listed.context("cannot list the files of the work tree")?;
        Ok(listed.split_terminator('\0').map(str::to_owned).collect())
    }

    /// The files of the checkout that differ from what they were before this work, committed or not, and the commit that it
    /// began at: where it left the branch `main`, as that was fetched last, or else as it is here. `None` where HEAD is that
    /// branch's own: what came before it nobody may have looked at.
    pub(crate) fn changed(&self, main: &str) -> Result<Option<(String, Vec<String>)>> {
        let head = self.commit()?;
        let found = |arguments: &[&str]| -> Result<Option<String>> {
            Ok(Some(self.ask(arguments)?).filter(Finished::success).map(|said| text(&said)))
        };
        let left = |reference: String| found(&["merge-base", "HEAD", &reference]);
        // Other remotes, such as the template's, have a branch of this name too.
        let base = match left(format!("refs/remotes/origin/{main}"))? {
            None => left(format!("refs/heads/{main}"))?,
            there => there,
        };
        let Some(base) = base.filter(|base| *base != head) else { return Ok(None) };
        let known = self.answer(&["diff", "--name-only", "--no-renames", "-z", "--relative", &base, "--"]);
        let unknown = self.answer(&["ls-files", "-z", "--others", "--exclude-standard"]);
        let (known, unknown) = known.and_then(|known| Ok((known, unknown?))).context("cannot tell what has changed")?;
        let names = known.split_terminator('\0').chain(unknown.split_terminator('\0'));
        Ok(Some((base, names.map(str::to_owned).collect())))
    }

    /// The first line of a commit's message, where the commit is here; the beginning of its id will do.
    pub(crate) fn subject(&self, commit: &str) -> Option<String> {
        match &self.commits {
            Some(library) => {
                let library = held(library);
                library.find_commit_by_prefix(commit).ok()?.summary().ok().flatten().map(str::to_owned)
            }
            None => {
                self.of_commits(&["log", "--no-walk", "--no-show-signature", "--encoding=UTF-8", "--format=%s"], commit)
            }
        }
    }

    /// The whole id of a commit that is here, from its beginning.
    pub(crate) fn whole(&self, commit: &str) -> Option<String> {
        match &self.commits {
            Some(library) => Some(held(library).find_commit_by_prefix(commit).ok()?.id().to_string()),
            None => self.of_commits(&["rev-parse", "--verify", "--quiet"], &format!("{commit}^{{commit}}")),
        }
    }

    /// Makes a folder a work tree of a commit, as it was committed. One that is there already is used again, with what was
    /// built in it.
    pub(crate) fn work_tree(&self, commit: &str, folder: &Path) -> Result<()> {
        if folder.join(".git").exists() {
            let back = self.tool(&["reset", "--hard", "--quiet", commit]).run(folder);
            if back.is_ok() && self.tool(&["clean", "-d", "--force", "--quiet"]).run(folder).is_ok() {
                return Ok(());
            }
        }
        // What a kill, or somebody with `rm`, has left of one.
        if folder.exists() {
            std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
        }
        self.tool(&["worktree", "prune"]).run(&self.folder)?;
        let add = self.tool(&["worktree", "add", "--detach", "--quiet"]).args([folder.as_os_str()]);
        add.args([commit]).run(&self.folder).map(drop)
    }

    /// The branches of the remote `origin`.
    ///
    /// # Errors
    /// There is no such remote, it cannot be reached, or it has no branch at all, by which nobody should judge.
    pub(crate) fn remote_branches(&self) -> Result<Vec<String>> {
        let list = self.answer(&["ls-remote", "--heads", "origin"]);
        let list = list
            .context("cannot list the branches of the remote `origin`")
            .hint("name the repository with `git remote add origin URL`, and see that `git ls-remote` works")?;
        let names = list.lines().filter_map(|line| line.split_once("\trefs/heads/"));
        let branches: Vec<_> = names.map(|(_, name)| name.to_owned()).collect();
        if branches.is_empty() {
            bail_hint!("push first"; "the remote `origin` has no branch, so by it every branch would be gone");
        }
        Ok(branches)
    }

    /// How `commit` stands to `recorded`.
    pub(crate) fn relation(&self, commit: &str, recorded: &str) -> Relation {
        if commit == recorded {
            return Relation::Same;
        }
        // A commit that is not here (a shallow clone, a branch never fetched) can't be compared. A record may hold only
        // the beginning of an id.
        let (Some(ours), Some(theirs)) = (self.whole(commit), self.whole(recorded)) else { return Relation::Unknown };
        if let Some(library) = &self.commits {
            return relation(&held(library), &ours, &theirs).unwrap_or(Relation::Unknown);
        }
        let apart = self.of_commits(&["rev-list", "--left-right", "--count"], &format!("{ours}...{theirs}"));
        match apart.as_deref().and_then(|apart| apart.split_once('\t')) {
            Some(("0", "0")) => Relation::Same,
            Some((_, "0")) => Relation::Newer,
            Some(("0", _)) => Relation::Older,
            // Where history is cut off, what joins them may lie behind the cut.
            Some(_) if self.ask(&["rev-parse", "--is-shallow-repository"]).is_ok_and(|said| text(&said) == "true") => {
                Relation::Unknown
            }
            Some(_) => Relation::Diverged,
            None => Relation::Unknown,
        }
    }

    /// What git says of commits; `None` where it does not know them.
    fn of_commits(&self, question: &[&str], commits: &str) -> Option<String> {
        // They come from records that others may have written: never an option, and never the name of a branch.
        if !commits.starts_with(|c: char| c.is_ascii_hexdigit()) {
            return None;
        }
        let key = format!("{} {commits}", question[0]);
        if let Some(known) = held(&self.answers).get(&key) {
            return known.clone();
        }
        let finished = self.ask(&[question, &[commits]].concat()).ok()?;
        let answer = finished.success().then(|| text(&finished));
        held(&self.answers).insert(key, answer.clone());
        answer
    }

    /// What git writes where it succeeds.
    fn answer(&self, arguments: &[&str]) -> Result<String> {
        let tool = self.tool(arguments);
        Ok(String::from_utf8_lossy(&tool.ask(&self.folder)?).into_owned())
    }

    /// The same where failing is an answer too.
    fn ask(&self, arguments: &[&str]) -> Result<Finished> {
        self.tool(arguments).question(&self.folder)
    }

    /// It must wait neither for a password that nobody types nor for a server that says nothing; nor fetch what a partial
    /// clone lacks only to say that it is not here.
    fn tool(&self, arguments: &[&str]) -> Tool {
        let tool = Tool::new(Purpose::Git, "git").args(arguments.iter().copied());
        let tool = tool.env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_LAZY_FETCH", "1");
        tool.env("GIT_HTTP_LOW_SPEED_LIMIT", "1").env("GIT_HTTP_LOW_SPEED_TIME", "30")
    }
}

/// How two commits stand to each other that are both here.
fn relation(library: &Repository, ours: &str, theirs: &str) -> Result<Relation, git2::Error> {
    let (ours, theirs) = (Oid::from_str(ours)?, Oid::from_str(theirs)?);
    Ok(match library.graph_ahead_behind(ours, theirs)? {
        (0, 0) => Relation::Same,
        (_, 0) => Relation::Newer,
        (0, _) => Relation::Older,
        // Where history is cut off, what joins them may lie behind the cut.
        _ if library.is_shallow() => Relation::Unknown,
        _ => Relation::Diverged,
    })
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(finished: &Finished) -> String {
    String::from_utf8_lossy(&finished.stdout).trim_end_matches('\n').to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::error::hint_of;
    use std::fs;
    use std::process::Command;
    use tempfile::TempDir;

    /// Runs git as a person would in `folder`, without that person's settings.
    pub(crate) fn git(folder: &Path, line: &str) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "protocol.file.allow=always"]);
        command.args(line.split(' ')).current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        let output = command.output().expect("git can be run");
        assert!(output.status.success(), "git {line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A repository with a commit of two files, one of them in a folder.
    fn repository(init: &str) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        git(folder.path(), &format!("init --quiet --initial-branch=main{init}"));
        fs::create_dir(folder.path().join("sub")).expect("a folder");
        for name in ["file", "sub/file"] {
            fs::write(folder.path().join(name), "text\n").expect("a file");
        }
        git(folder.path(), "add --all");
        git(folder.path(), "commit --quiet --message first");
        folder
    }

    /// It is read as git reads it: clean, then changed in this file.
    fn reads(folder: &Path, changes: &str) {
        let repository = Git::open(folder).expect("it is a repository");
        assert_eq!(repository.head_branch().expect("a branch"), git(folder, "symbolic-ref --short HEAD"));
        let commit = repository.commit().expect("a commit");
        assert_eq!(commit, git(folder, "rev-parse HEAD"));
        assert_eq!(repository.relation(&commit, &commit[..7]), Relation::Same);
        assert_eq!(repository.subject(&commit[..7]), Some(git(folder, "show --no-patch --format=%s")));
        assert!(!repository.is_dirty().expect("a state"), "{}", git(folder, "status"));
        fs::write(folder.join(changes), "other\n").expect("a file");
        assert!(repository.is_dirty().expect("a state"), "{}", git(folder, "status"));
    }

    #[test]
    fn what_has_changed_is_counted_from_where_the_work_began() {
        let folder = repository("");
        let path = folder.path();
        let changed = || {
            let changed = Git::open(path).expect("it is a repository").changed("main").expect("an answer");
            changed.map(|(base, mut files)| {
                files.sort();
                (git(path, &format!("log -1 --format=%s {base}")), files.join(" "))
            })
        };
        let commit = |name: &str| {
            fs::write(path.join(name), name).expect("a file");
            git(path, "add --all");
            git(path, &format!("commit --quiet --message {name}"));
        };
        let told = |base: &str, files: &str| Some((base.to_owned(), files.to_owned()));
        assert_eq!(changed(), None, "there is nothing before the first commit");
        commit("one");
        commit("two");
        assert_eq!(changed(), None, "it is production's own");
        // As it was fetched last.
        git(path, "remote add origin .");
        git(path, "update-ref refs/remotes/origin/main HEAD~2");
        assert_eq!(changed(), told("first", "one two"));
        git(path, "update-ref refs/remotes/origin/main HEAD");
        git(path, "checkout --quiet -b work");
        commit("three");
        commit("four");
        fs::write(path.join("sub/file"), "changed").expect("a file");
        git(path, "mv two moved");
        fs::write(path.join("new"), "not known to git").expect("a file");
        assert_eq!(changed(), told("two", "four moved new sub/file three two"));
        // A pipeline that is run again, while the branch has gone on.
        git(path, "stash --quiet --include-untracked");
        git(path, "update-ref refs/remotes/origin/main HEAD");
        git(path, "checkout --quiet --detach HEAD^");
        assert_eq!(changed(), None);
        // What the template calls `main` is not ours.
        git(path, "update-ref refs/remotes/template/main HEAD");
        git(path, "update-ref refs/remotes/origin/main HEAD~2");
        assert_eq!(changed(), told("one", "three two"));
    }

    #[test]
    fn formats_of_repositories() {
        for init in ["", " --ref-format=reftable", " --object-format=sha256", " --separate-git-dir=../elsewhere"] {
            let folder = tempfile::tempdir().expect("a folder");
            // A place for what lies beside it.
            let inner = repository(&init.replace("../elsewhere", &folder.path().join("git").to_string_lossy()));
            reads(inner.path(), "file");
        }
    }

    #[test]
    fn indexes_and_work_trees() {
        for setup in [
            "update-index --split-index",
            "update-index --index-version=4",
            "update-index --untracked-cache",
            "sparse-checkout set --cone --sparse-index",
            "config core.fileMode false",
            "config extensions.worktreeConfig true",
        ] {
            let folder = repository("");
            git(folder.path(), setup);
            reads(folder.path(), "file");
        }
        // What is not checked out is no change, whatever stands beside.
        let folder = repository("");
        git(folder.path(), "sparse-checkout set --no-cone /file");
        assert!(!folder.path().join("sub").exists());
        reads(folder.path(), "file");
    }

    /// A filter makes what is committed of what lies there: the two differ, and nothing has changed.
    #[test]
    fn filters_and_line_ends() {
        let folder = repository("");
        git(folder.path(), "config filter.loud.clean tr${IFS}a-z${IFS}A-Z");
        git(folder.path(), "config filter.loud.smudge tr${IFS}A-Z${IFS}a-z");
        fs::write(folder.path().join(".gitattributes"), "file filter=loud\nsub/file text eol=crlf\n").expect("a file");
        git(folder.path(), "add --all --renormalize");
        git(folder.path(), "add .gitattributes");
        git(folder.path(), "commit --quiet --message filtered");
        fs::remove_file(folder.path().join("sub/file")).expect("it is there");
        git(folder.path(), "checkout --quiet -- .");
        assert_eq!(git(folder.path(), "show HEAD:file"), "TEXT");
        assert_eq!(fs::read(folder.path().join("sub/file")).expect("a file"), b"text\r\n");
        reads(folder.path(), "file");
    }

    #[test]
    fn clones() {
        let origin = repository("");
        let path = origin.path().display();
        git(origin.path(), "config uploadpack.allowFilter true");
        fs::write(origin.path().join("file"), "newer\n").expect("a file");
        git(origin.path(), "commit --quiet --all --message second");
        let elsewhere = tempfile::tempdir().expect("a folder");
        for (name, how) in
            [("partial", "--filter=blob:none"), ("treeless", "--filter=tree:0"), ("shallow", "--depth=1")]
        {
            git(elsewhere.path(), &format!("clone --quiet {how} file://{path} {name}"));
            reads(&elsewhere.path().join(name), "file");
        }
        git(
            elsewhere.path(),
            &format!("-C {path} worktree add --quiet {} -b other", elsewhere.path().join("tree").display()),
        );
        reads(&elsewhere.path().join("tree"), "new");
        let first = git(origin.path(), "rev-parse HEAD~1");
        let second = git(origin.path(), "rev-parse HEAD");
        let whole = Git::open(origin.path()).expect("a repository");
        assert_eq!(whole.relation(&second, &first[..9]), Relation::Newer);
        assert_eq!(whole.relation(&first, &second), Relation::Older);
        // What is not here is unknown, and nobody asks a server for it.
        let shallow = Git::open(&elsewhere.path().join("shallow")).expect("a repository");
        assert_eq!(shallow.relation(&second, &first), Relation::Unknown);
        git(&elsewhere.path().join("shallow"), &format!("fetch --quiet --depth=1 origin {first}"));
        let cut = Git::open(&elsewhere.path().join("shallow")).expect("a repository");
        assert_eq!(cut.relation(&second, &first), Relation::Unknown, "both are here, and nothing between");
        for odd in ["main", "--all", "HEAD", "", "zz", "0000000000000000000000000000000000000000", &second[..2]] {
            assert_eq!((whole.relation(&second, odd), whole.subject(odd)), (Relation::Unknown, None), "{odd}");
        }
    }

    #[test]
    fn a_folder_of_a_repository() {
        let folder = repository("");
        reads(&folder.path().join("sub"), "file");
        // Which has nothing to do with it, though git finds it.
        let other = folder.path().join("other");
        fs::create_dir(&other).expect("a folder");
        fs::write(folder.path().join(".gitignore"), "other\n").expect("a file");
        let error = Git::open(&other).expect_err("it is not its repository");
        assert!(error.to_string().contains("none of its files"), "{error:#}");
        assert!(hint_of(&error).is_some_and(|hint| hint.contains("git init")), "{error:#}");
    }

    #[test]
    fn git_s_own_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let says = |words: &str, init: bool| {
            let error = Git::open(folder.path()).expect_err("it cannot be read");
            let hint = hint_of(&error).expect("a hint");
            assert!(format!("{error:#}").contains(words) && hint.contains("git init") == init, "{error:#}: {hint}");
        };
        says("not a git repository", true);
        fs::create_dir(folder.path().join(".git")).expect("a folder");
        says("not a git repository", false);
        fs::remove_dir(folder.path().join(".git")).expect("it is empty");
        std::os::unix::fs::symlink("/nowhere", folder.path().join(".git")).expect("a link");
        says("not a git repository", false);
        fs::remove_file(folder.path().join(".git")).expect("it is a link");
        git(folder.path(), "init --quiet");
        let error = Git::open(folder.path()).expect("it is one").commit().expect_err("nothing is committed");
        assert_eq!(error.to_string(), "there is no commit yet");
        git(folder.path(), "config core.repositoryFormatVersion 1");
        git(folder.path(), "config extensions.unheardOf true");
        says("unheardof", false);
        git(folder.path(), "config --file .git/config --unset extensions.unheardOf");
        // Of another owner; only root may give a folder away.
        if std::os::unix::fs::chown(folder.path().join(".git"), Some(12345), None).is_ok() {
            std::os::unix::fs::chown(folder.path(), Some(12345), None).expect("this too");
            says("safe.directory", false);
        }
    }
}
