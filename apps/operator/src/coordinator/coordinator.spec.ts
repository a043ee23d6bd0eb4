import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { CoordinatorServiceService } from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { quietLogger } from '../testing/objects.ts';
import { grpcCoordinator } from './coordinator.ts';

const never = new AbortController().signal;
const tailnet = { name: 'demo', tailnet: '', secretNamespace: 'system', secretName: 'oauth' };
const ensureRequest = {
  tailnet,
  operatorId: 'me',
  consumer: 'TailscaleServices/shop/web',
  service: { name: 'svc:web', ports: [], tags: [], comment: '', annotations: {} },
  autoApprove: true,
  attachOnly: false,
};
const detachRequest = { tailnet, operatorId: 'me', consumer: 'TailscaleServices/shop/web', serviceName: 'svc:web' };

let server: Server;
let coordinator: ReturnType<typeof grpcCoordinator>;
let refusal: { code: status; details: string; metadata: Metadata };
let log: ReturnType<typeof quietLogger>;

/** From now on every call fails so. */
function refuse(code: status, errorCode: string | undefined, retryAfterMs?: number): void {
  const metadata = new Metadata();
  if (errorCode !== undefined) metadata.set('error-code', errorCode);
  if (retryAfterMs !== undefined) metadata.set('retry-after-ms', String(retryAfterMs));
  refusal = { code, details: 'the words of the coordinator', metadata };
}

beforeEach(async () => {
  server = new Server();
  const answer = (_call: unknown, callback: (error: object) => void): void => {
    callback(refusal);
  };
  server.addService(CoordinatorServiceService, { describeTailnet: answer, ensure: answer, detach: answer });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  log = quietLogger();
  coordinator = grpcCoordinator({ address: `127.0.0.1:${port}`, log });
});
afterEach(() => {
  coordinator.close();
  server.forceShutdown();
});

it.each([
  [status.FAILED_PRECONDITION, 'secret-not-found', 'SecretNotFound'],
  [status.FAILED_PRECONDITION, 'secret-invalid', 'SecretInvalid'],
  [status.UNAUTHENTICATED, 'credentials-refused', 'CredentialsInvalid'],
  [status.PERMISSION_DENIED, 'not-permitted', 'PermissionDenied'],
  [status.NOT_FOUND, 'tailnet-not-found', 'TailnetNotFound'],
  [status.INTERNAL, 'internal', 'Unreachable'],
])('describe: %s %s is %s', async (code, errorCode, reason) => {
  refuse(code, errorCode);
  expect(await coordinator.describe(tailnet, never)).toMatchObject({
    ok: false,
    reason,
    message: 'the words of the coordinator',
  });
});

it.each([
  [status.FAILED_PRECONDITION, 'name-taken', 'VIPServiceFailed'],
  [status.DEADLINE_EXCEEDED, 'deadline-exceeded', 'TailnetUnreachable'],
  [status.UNIMPLEMENTED, 'not-supported', 'Unsupported'],
])('ensure: %s %s is %s', async (code, errorCode, reason) => {
  refuse(code, errorCode);
  await expect(coordinator.ensure(ensureRequest, never)).rejects.toMatchObject({
    reason,
    message: 'the words of the coordinator',
    retryAfterMs: undefined,
    stack: undefined,
  });
});

it('says when it may be asked again', async () => {
  refuse(status.RESOURCE_EXHAUSTED, 'overloaded', 15_000);
  const limited = { reason: 'RateLimited', retryAfterMs: 15_000 };
  expect(await coordinator.describe(tailnet, never)).toMatchObject(limited);
  await expect(coordinator.ensure(ensureRequest, never)).rejects.toMatchObject(limited);
});

it('has one message for a coordinator that does not answer, however that looks; the log has the rest', async () => {
  refuse(status.CANCELLED, undefined);
  await expect(coordinator.ensure(ensureRequest, never)).rejects.toMatchObject({
    reason: 'CoordinatorUnreachable',
    message: 'The service coordinator does not answer.',
  });
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { err: 'the words of the coordinator' } }]);
});

it('has left what is not there', async () => {
  refuse(status.NOT_FOUND, 'service-not-found');
  expect(await coordinator.detach(detachRequest, never)).toEqual({ deleted: false });
  // A tailnet that cannot be found is something else: the VIP service may well be there.
  refuse(status.NOT_FOUND, 'tailnet-not-found');
  await expect(coordinator.detach(detachRequest, never)).rejects.toMatchObject({ reason: 'VIPServiceFailed' });
});
