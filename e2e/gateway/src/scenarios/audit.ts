import { readFile } from 'node:fs/promises';
import type { Stack } from '../harness/stack.ts';

/** A request to the API server that was answered, or the part of a watch that was. */
export interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource: string; readonly name?: string; readonly subresource?: string };
  readonly requestReceivedTimestamp: string;
}

/** What our services asked of the API server since then; each of them is a user. */
export async function auditSince(stack: Stack, sinceUnixMs: number): Promise<AuditEvent[]> {
  const lines = (await readFile(stack.api.auditLog, 'utf8')).split('\n');
  return lines
    .slice(0, -1) // the last one may be half written; else it is empty
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(({ user }) => user.username in stack.services)
    .filter(({ requestReceivedTimestamp: at }) => Date.parse(at) >= sinceUnixMs);
}

/** `operator: 30 x update leases`, sorted. */
export function summaryOf(events: readonly AuditEvent[]): string[] {
  const counts = new Map<string, number>();
  for (const { user, verb, objectRef } of events) {
    const what = [objectRef?.resource ?? '-', objectRef?.subresource].filter((part) => part !== undefined).join('/');
    const key = `${user.username}: ${verb} ${what}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => `${key} x ${count}`).sort();
}
