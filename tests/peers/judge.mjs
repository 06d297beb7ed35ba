// What the official Node SDK makes of webhooks. Reads and says the same lines as judge.py; the SDK's folder is the
// first argument.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { default: Telnyx } = await import(pathToFileURL(`${process.argv[2]}/node_modules/telnyx/index.mjs`));

async function judged({ key, headers, body }) {
  const client = new Telnyx({ apiKey: "KEY_of_nobody", publicKey: key });
  try {
    const event = await client.webhooks.unwrap(Buffer.from(body, "base64").toString(), { headers });
    const data = event.data ?? event;
    return { taken: true, event_type: data.event_type, id: data.id };
  } catch (refusal) {
    return { taken: false, why: `${refusal.name}: ${refusal.message}` };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const one = JSON.parse(line);
  console.log(JSON.stringify({ name: one.name, ...(await judged(one)) }));
}
