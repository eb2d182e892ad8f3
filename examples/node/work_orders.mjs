// Work orders from Node.js with pg; Ed25519 is in Node.js itself.

import { createPrivateKey, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";

const read = (name) => readFileSync(`${process.env.WO_KEYS}/${name}`, "utf8");
const base64url = (text) => Buffer.from(text).toString("base64url");

// The signature of the UTF-8 text, as base64url without padding.
const signature = (who, text) =>
  sign(null, Buffer.from(text), createPrivateKey(read(`${who}.pem`))).toString("base64url");

// A JSON Web Token of the issuer, good for a minute.
function token(who) {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: "EdDSA", typ: "JWT", kid: "k1" };
  const claims = {
    iss: "https://login.example", sub: who, aud: "wo_core", tenant: read("tenant").trim(),
    iat: now, exp: now + 60, jti: randomUUID(),
  };
  const signed = [header, claims].map((part) => base64url(JSON.stringify(part))).join(".");
  return `${signed}.${signature("issuer", signed)}`;
}

const client = new pg.Client({ lock_timeout: 500 });

// The rows of one statement in a transaction of somebody's, which is run again while others are in the way.
async function act(who, sql, values = []) {
  for (const wait of [100, 200, 400, 800, 1600, 3200, null]) {
    try {
      await client.query("begin");
      await client.query("select wo.authenticate($1)", [token(who)]);
      const { rows } = await client.query(sql, values);
      await client.query("commit");
      return rows;
    } catch (error) {
      await client.query("rollback");
      if (!["40001", "40P01", "55P03"].includes(error.code) || wait === null) throw error;
      console.log(`${error.code}, once more`);
      await pause(wait);
    }
  }
}

async function transition(number, status, reason) {
  const [done] = await act("robot", "select wo.transition($1::text, $2, $3) ->> 'status' as status", [number, status, reason]);
  console.log("moved to", done.status);
}

async function signPlan(number, who, role) {
  const ask = "select challenge, payload from wo.request_signature($1::text, $2, 'plan')";
  const [request] = await act(who, ask, [number, role]);
  const give = [request.challenge, signature(who, request.payload)];
  const [{ given }] = await act(who, "select wo.sign($1, $2) as given", give);
  console.log(given.role, "signed as", given.meaning);
}

async function processEvents() {
  await act("robot", "select wo.create_consumer('node')");
  await client.query("listen wo_event");
  for (;;) {
    const notified = once(client, "notification");
    const events = await act("robot", "select position, event from wo.fetch_events('node', 100) order by position");
    if (events.length > 0) {
      // Here they are processed. What is acknowledged does not come again.
      await act("robot", "select wo.acknowledge('node', $1)", [events.at(-1).position]);
      console.log("processed", events.length, "events");
      // A service waits for ever; the example ends when nothing happens for a second.
    } else if (!(await Promise.race([notified, pause(1000)]))) {
      return;
    }
  }
}

await client.connect();
// The key is made before the first try: another try returns the same work order.
const [{ number }] = await act(
  "robot",
  `select wo.create_work_order('Update the workstation', 'Windows 10 to 11', assignee => 'mira',
      regulatory => true, idempotency_key => $1) ->> 'wo_number' as number`,
  [randomUUID()],
);
console.log("created", number);
await transition(number, "pending_approval", "Windows 10 has ended");
await signPlan(number, "olga", "system_owner");
await signPlan(number, "quinn", "qa");
await transition(number, "assigned", "let us start");

const orders = [{ title: "Check the printer" }, { title: "Check the scanner" }, { titel: "Check the fax" }];
const many = await act("robot", "select error from wo.create_work_orders($1::jsonb) order by ordinal", [JSON.stringify(orders)]);
for (const { error } of many) console.log("bulk:", error?.message ?? "created");
await processEvents();
await client.end();
