// SPDX-License-Identifier: MIT
// Every client of the contract suite.

import { Longpoll, LongpollUpgrade } from "./longpoll.mjs";
import { Sse } from "./sse.mjs";
import { TerminalLongpoll, TerminalSse, TerminalWs } from "./terminal.mjs";
import { Ws } from "./ws.mjs";

// Those that can do everything, for each backend.
export const backends = [Ws, Sse, Longpoll, LongpollUpgrade];
export const terminals = [TerminalWs, TerminalSse, TerminalLongpoll];
export const clients = [...backends, ...terminals];

let rooms = 0;

// A room that no other test uses.
export function freshRoom() {
  return `room-${++rooms}`;
}

// Opens clients, hands them to `body` and closes them whatever happens.
export async function withClients(opening, body) {
  const opened = await Promise.allSettled(opening);
  try {
    const failed = opened.find((o) => o.status === "rejected");
    if (failed)
      throw failed.reason;
    return await body(...opened.map((o) => o.value));
  } finally {
    for (const o of opened)
      await o.value?.close();
  }
}
