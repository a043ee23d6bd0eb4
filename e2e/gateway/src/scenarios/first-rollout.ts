import { fire, type LoadTarget } from '../harness/load.ts';
import { until } from '../harness/until.ts';

/**
 * Waits until the proxies of before the operator's bootstrap serve nothing any more: for a while two generations share the
 * port, and the older one knows no endpoints of ours.
 */
export async function untilRolledOut(target: LoadTarget): Promise<void> {
  await until(
    async () => {
      // Each connection is the kernel's choice between them.
      const { failures } = await fire(target, { requests: 100, concurrency: 50 });
      if (failures.length === 0) return true;
      throw new Error(`${failures.length} of 100 requests fail`);
    },
    { what: 'the first proxies are gone', deadlineMs: 30_000, everyMs: 200 },
  );
}
