import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { handler } from "../src/index.js";

const read = (path) => JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url)));

const failed = async (event) => (await handler(event)).batchItemFailures.map((item) => item.itemIdentifier);

for (const { name, event, expect } of read("smoke.json").cases) {
  test(`the smoke test fits: ${name}`, async () => {
    assert.deepEqual(await failed(event), expect.failed);
  });
}

for (const name of readdirSync(new URL("../events/", import.meta.url))) {
  test(`the sample ${name} is worked off`, async () => {
    assert.deepEqual(await failed(read(`events/${name}`)), []);
  });
}
