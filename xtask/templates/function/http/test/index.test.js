import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { handler } from "../src/index.js";

const { event, expect } = JSON.parse(readFileSync(new URL("../smoke.json", import.meta.url)));

test("the smoke test fits", async () => {
  const { statusCode, body } = await handler(event);
  assert.equal(statusCode, expect.status);
  assert.deepEqual(JSON.parse(body), expect.body);
});

test("what is not there is not found", async () => {
  assert.equal((await handler({ ...event, rawPath: "/nowhere" })).statusCode, 404);
});
