    // Once for each start, so that a version that may not read it fails its smoke test. Hand it on to what needs it.
    let _{{field}} = secret::read("{{variable}}").await?;
