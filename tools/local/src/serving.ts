import { request } from 'undici';
import { ApiRefusal } from './cluster-client.ts';
import { until } from './condition.ts';
import type { Stack } from './stack.ts';
import { nameOf, routeRef, servicesRef, type Target } from './target.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ServingOptions {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Told, in one sentence, why a service is not served yet: after a while, and whenever that changes. */
  readonly onWait: (why: string) => void;
}

const everyMs = 50;
/** Reasons that pass sooner are those of any start. */
const patienceMs = 2000;
const requestDeadlineMs = 2000;

/**
 * Waits until a target's status says Ready and a request to it gets through the gateway.
 * @returns why it is not served when the deadline has passed; undefined: it is.
 */
export async function untilServed(stack: Stack, target: Target, options: ServingOptions): Promise<string | undefined> {
  const patientUntil = performance.now() + patienceMs;
  let why: string | undefined;
  let told: string | undefined;
  const served = async () => {
    why = await whyNotServed(stack, target);
    if (why !== undefined && why !== told && performance.now() > patientUntil) {
      told = why;
      options.onWait(why);
    }
    return why === undefined;
  };
  const { deadlineMs, signal } = options;
  await until(served, { what: nameOf(target), deadlineMs, everyMs, signal }).catch((error: unknown) => {
    if (signal.aborted) throw error;
  });
  return why;
}

/** In one sentence that names the object to look at; undefined: it is served. */
async function whyNotServed(stack: Stack, target: Target): Promise<string | undefined> {
  const unready = await whyNotReady(stack, target);
  if (unready !== undefined) return unready;
  const { route } = target;
  const { status } = await stack.client.get<RouteWithStatus>(routeRef(target));
  const refused = whyRefused(status?.parents ?? []);
  if (refused !== undefined) return `HTTPRoute ${route.namespace}/${route.name}: ${refused}`;
  const answer = await answerOf(stack, target);
  return answer === '200' ? undefined : `${nameOf(target)}: a request to ${target.path} is answered with ${answer}`;
}

interface RouteWithStatus {
  readonly status?: { readonly parents?: readonly { readonly conditions?: readonly Condition[] }[] };
}

/** What keeps a service from being Ready, from its own conditions; undefined: it is. */
export async function whyNotReady(stack: Stack, target: Target): Promise<string | undefined> {
  const name = `TailscaleServices ${nameOf(target)}`;
  try {
    const { status } = await stack.client.get<{ status?: { conditions?: Condition[] } }>(servicesRef(target));
    const unready = whyUnready(status?.conditions ?? []);
    return unready === undefined ? undefined : `${name}: ${unready}`;
  } catch (error) {
    if (!(error instanceof ApiRefusal && error.code === 404)) throw error;
    return `${name} does not exist, but HTTPRoute ${target.route.namespace}/${target.route.name} names it`;
  }
}

/** @returns what the condition Ready says; undefined where it is True */
export function whyUnready(conditions: readonly Condition[]): string | undefined {
  const ready = conditions.find((c) => c.type === 'Ready');
  if (!ready) return 'the operator has not looked at it yet';
  return ready.status === 'True' ? undefined : `not Ready: ${sentence(ready)}`;
}

/** @returns the first condition of a route's parents that is not True */
export function whyRefused(parents: readonly { readonly conditions?: readonly Condition[] }[]): string | undefined {
  if (parents.length === 0) return 'no Gateway has taken it: its parentRefs must name one';
  const refusal = parents.flatMap((p) => p.conditions ?? []).find((c) => c.status !== 'True');
  return refusal && `${refusal.type} is ${refusal.status}: ${sentence(refusal)}`;
}

const sentence = ({ reason, message }: Condition): string => [reason, message].filter((part) => part).join(': ');

/** The status code of one request, or why there is none. */
async function answerOf(stack: Stack, target: Target): Promise<string> {
  try {
    const answer = await request(stack.gatewayUrl + target.path, {
      headers: target.host === undefined ? {} : { host: target.host },
      signal: AbortSignal.timeout(requestDeadlineMs),
    });
    await answer.body.dump();
    return String(answer.statusCode);
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}
