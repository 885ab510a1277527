import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { handler } from "../src/index.js";

const read = (path) => JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url)));

test("the smoke test fits", async () => {
  assert.equal(await handler(read("smoke.json").event), undefined);
});

for (const name of readdirSync(new URL("../events/", import.meta.url))) {
  test(`the sample ${name} is worked off`, async () => {
    await handler(read(`events/${name}`));
  });
}
