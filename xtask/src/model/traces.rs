//! What a program tells of the machine that it was made on, by which it has other bytes on every other one.

use memchr::memmem;

/// The longest piece that is shown.
const SHOWN: usize = 100;

/// The first path of this machine in a program: one that begins with one of `folders`.
pub(crate) fn trace(program: &[u8], folders: &[&str]) -> Option<String> {
    folders.iter().find_map(|folder| {
        // With what separates it, as `/work` is no part of `/workspace`.
        let folder = format!("{}/", folder.trim_end_matches('/'));
        if folder.len() < 3 {
            return None;
        }
        let at = memmem::find(program, folder.as_bytes())?;
        let rest = &program[at..program.len().min(at + SHOWN)];
        // The folder's own name may have a space in it.
        let name = folder.len().min(rest.len());
        let is_name = |byte: &u8| byte.is_ascii_graphic() || !byte.is_ascii();
        let end = rest[name..].iter().position(|byte| !is_name(byte)).map_or(rest.len(), |end| name + end);
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_and_shown() {
        let program =
            b"\x7fELF\0/rustc/library/core.rs\0at /workspace/a.rs\0/home/ann b/work/orders/src/main.rs:7:9 was\0";
        let found = |folders: &[&str]| trace(program, folders);
        assert_eq!(found(&["/home/ann b/work"]).as_deref(), Some("/home/ann b/work/orders/src/main.rs:7:9"));
        assert_eq!(found(&["/home/ann b/work/"]), found(&["/home/ann b/work"]));
        assert_eq!(found(&["/nowhere", "/home/ann b"]), found(&["/home/ann b/work"]));
        for none in [&["/works"][..], &["/home/ann"], &["/"], &[""], &[]] {
            assert_eq!(found(none), None, "{none:?}");
        }
        assert_eq!(trace(b"", &["/home/ann"]), None);
        let long = [b"/home/ann/".as_slice(), &[b'x'; 500]].concat();
        assert_eq!(trace(&long, &["/home/ann"]).map(|shown| shown.len()), Some(SHOWN));
    }
}
