import { credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import type { TailscaleTailnet } from '@tsgateway/api';
import type { Logger } from '@tsgateway/process';
import {
  CoordinatorServiceClient,
  type DescribeTailnetResponse,
  type DetachRequest,
  type DetachResponse,
  type EnsureRequest,
  type EnsureResponse,
  type TailnetRef,
} from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { callUnary, clientOptions } from '@tsgateway/rpc';
import type { DescribedTailnet, TailnetFailure, TailnetOutcome } from '../status/tailnet-status.ts';
import type { VipOutcome } from '../status/vip-outcome.ts';

/** What the reconcilers ask of the service coordinator. */
export interface Coordinator {
  describe(tailnet: TailnetRef, signal: AbortSignal): Promise<TailnetOutcome>;
  /** @throws CoordinatorError */
  ensure(request: Omit<EnsureRequest, '_unknownFields'>, signal: AbortSignal): Promise<EnsureResponse>;
  /** A VIP service that is gone already is detached from. @throws CoordinatorError */
  detach(request: Omit<DetachRequest, '_unknownFields'>, signal: AbortSignal): Promise<DetachResponse>;
}

export type VipFailure = Extract<VipOutcome, { kind: 'failed' }>['reason'];

/** The coordinator refused, or could not be asked. */
export class CoordinatorError extends Error {
  override readonly name = 'CoordinatorError';
  readonly reason: VipFailure;

  constructor(reason: VipFailure, message: string, cause: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** The control plane may make the coordinator wait and repeat. */
const DEADLINE_MS = 20_000;

/** The coordinator over gRPC. Every outcome is logged, as the coordinator's own log is in another place. */
export function grpcCoordinator(options: {
  readonly address: string;
  readonly log: Logger;
}): Coordinator & { close(): void } {
  const { address, log } = options;
  const client = new CoordinatorServiceClient(address, credentials.createInsecure(), clientOptions());
  const call = (signal: AbortSignal) => ({ deadlineMs: DEADLINE_MS, signal });
  return {
    async describe(tailnet, signal) {
      try {
        const answer = await callUnary<DescribeTailnetResponse>(
          (cb, options) => client.describeTailnet({ tailnet }, new Metadata(), options, cb),
          call(signal),
        );
        log.debug({ tailnet: tailnet.name }, 'ServiceCoordinator described the tailnet');
        return { ok: true, tailnet: described(answer) };
      } catch (error) {
        const failure = { ok: false, reason: tailnetFailure(error), message: detailsOf(error) } as const;
        log.warn(
          { tailnet: tailnet.name, reason: failure.reason, err: failure.message },
          'ServiceCoordinator could not describe the tailnet',
        );
        return failure;
      }
    },
    async ensure(request, signal) {
      const service = request.service?.name;
      try {
        const answer = await callUnary<EnsureResponse>(
          (cb, options) => client.ensure(request, new Metadata(), options, cb),
          call(signal),
        );
        log.info(
          {
            service,
            tailnet: request.tailnet?.name,
            consumer: request.consumer,
            created: answer.created,
            owner: answer.ownerOperator,
          },
          'ServiceCoordinator ensured the VIP service',
        );
        return answer;
      } catch (error) {
        throw refused(error, { log, service, msg: 'ServiceCoordinator could not ensure the VIP service' });
      }
    },
    async detach(request, signal) {
      const service = request.serviceName;
      try {
        const answer = await callUnary<DetachResponse>(
          (cb, options) => client.detach(request, new Metadata(), options, cb),
          call(signal),
        );
        log.info(
          { service, tailnet: request.tailnet?.name, consumer: request.consumer, deleted: answer.deleted },
          'ServiceCoordinator detached from the VIP service',
        );
        return answer;
      } catch (error) {
        if (codeOf(error) === status.NOT_FOUND) return { deleted: false };
        throw refused(error, { log, service, msg: 'ServiceCoordinator could not detach from the VIP service' });
      }
    },
    close: () => {
      client.close();
    },
  };
}

/** How the coordinator is told of a tailnet. `operatorNamespace` holds its Secret unless the tailnet says otherwise. */
export const tailnetRef = ({ metadata, spec }: TailscaleTailnet, operatorNamespace: string): TailnetRef => ({
  name: metadata.name,
  tailnet: spec.tailnet ?? '',
  secretNamespace: spec.oauthSecretNamespace ?? operatorNamespace,
  secretName: spec.oauthSecretName,
});

const described = (r: DescribeTailnetResponse): DescribedTailnet => ({
  name: r.name,
  organization: r.organization,
  tailnetId: r.tailnetId,
  magicDnsSuffix: r.magicDnsSuffix,
  deviceCount: r.deviceCount,
  connectedDevices: r.connectedDevices,
  scopes: r.scopes,
  secretVersion: r.secretVersion,
  credentialExpiresAtMs: Number(r.credentialExpiresAtMs),
});

const codeOf = (error: unknown): status | undefined => (error as Partial<ServiceError> | undefined)?.code;

const detailsOf = (error: unknown): string => {
  const { details, message } = (error ?? {}) as Partial<ServiceError>;
  return details !== undefined && details !== '' ? details : (message ?? String(error));
};

function tailnetFailure(error: unknown): TailnetFailure {
  switch (codeOf(error)) {
    case status.NOT_FOUND:
    case status.INVALID_ARGUMENT:
      return 'TailnetNotFound';
    case status.FAILED_PRECONDITION:
      // One code for both: the Secret is missing, or lacks a key.
      return detailsOf(error).includes('does not exist') ? 'SecretNotFound' : 'SecretInvalid';
    case status.UNAUTHENTICATED:
      return 'CredentialsInvalid';
    case status.PERMISSION_DENIED:
      return 'PermissionDenied';
    case status.RESOURCE_EXHAUSTED:
      return 'RateLimited';
    default:
      return 'Unreachable';
  }
}

function refused(error: unknown, told: { log: Logger; service: string | undefined; msg: string }): CoordinatorError {
  const code = codeOf(error);
  const reason: VipFailure =
    code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || code === status.CANCELLED
      ? 'CoordinatorUnreachable'
      : code === status.UNIMPLEMENTED
        ? 'Unsupported'
        : 'VIPServiceFailed';
  told.log.warn({ service: told.service, reason, err: detailsOf(error) }, told.msg);
  return new CoordinatorError(reason, detailsOf(error), error);
}
