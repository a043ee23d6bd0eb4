import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
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
import type { VipFailure } from '../status/vip-outcome.ts';

/** What the reconcilers ask of the service coordinator. */
export interface Coordinator {
  /** Never rejects. */
  describe(tailnet: TailnetRef, signal: AbortSignal): Promise<TailnetOutcome>;
  /** @throws CoordinatorError */
  ensure(request: Omit<EnsureRequest, '_unknownFields'>, signal: AbortSignal): Promise<EnsureResponse>;
  /** A VIP service that is gone already is detached from. @throws CoordinatorError */
  detach(request: Omit<DetachRequest, '_unknownFields'>, signal: AbortSignal): Promise<DetachResponse>;
}

/** Something elsewhere failed: where that was noticed explains nothing, and is left out of the log. */
export class RemoteFailure extends Error {
  override readonly name: string = 'RemoteFailure';
  override readonly stack = undefined;
}

/** The coordinator refused, or could not be asked. */
export class CoordinatorError extends RemoteFailure {
  override readonly name = 'CoordinatorError';
  readonly reason: VipFailure;
  /** Not to be asked again before. */
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: VipFailure,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
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
        const { code, message, detail, retryAfterMs } = failureOf(error);
        const reason = (code !== undefined ? TAILNET_FAILURES[code] : undefined) ?? 'Unreachable';
        const failure = { ok: false, reason, message, retryAfterMs } as const;
        log.warn({ tailnet: tailnet.name, reason, err: detail }, 'ServiceCoordinator could not describe the tailnet');
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
        if (failureOf(error).code === 'service-not-found') return { deleted: false };
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

/** What the operator makes of the coordinator's `error-code`; its README lists them all. */
const TAILNET_FAILURES: Readonly<Record<string, TailnetFailure>> = {
  'secret-not-found': 'SecretNotFound',
  'secret-invalid': 'SecretInvalid',
  'credentials-refused': 'CredentialsInvalid',
  'not-permitted': 'PermissionDenied',
  'tailnet-not-found': 'TailnetNotFound',
  'invalid-argument': 'TailnetNotFound',
  overloaded: 'RateLimited',
};
const VIP_FAILURES: Readonly<Record<string, VipFailure>> = {
  'not-leading': 'CoordinatorUnreachable',
  unavailable: 'TailnetUnreachable',
  'deadline-exceeded': 'TailnetUnreachable',
  overloaded: 'RateLimited',
  'not-supported': 'Unsupported',
};

interface Failure {
  /** Undefined: the coordinator did not answer. */
  readonly code: string | undefined;
  /** For users: the same for as long as the failure is the same. */
  readonly message: string;
  /** For the log. */
  readonly detail: string;
  readonly retryAfterMs: number | undefined;
}

function failureOf(error: unknown): Failure {
  const { details = '', message = String(error), metadata } = (error ?? {}) as Partial<ServiceError>;
  const detail = details === '' ? message : details;
  const trailer = (name: string): string | undefined => metadata?.get(name)[0]?.toString();
  const code = trailer('error-code');
  const retryAfterMs = Number(trailer('retry-after-ms'));
  return {
    code,
    message: code === undefined ? 'The service coordinator does not answer.' : detail,
    detail,
    retryAfterMs: retryAfterMs > 0 ? retryAfterMs : undefined,
  };
}

function refused(error: unknown, told: { log: Logger; service: string | undefined; msg: string }): CoordinatorError {
  const { code, message, detail, retryAfterMs } = failureOf(error);
  const reason = code === undefined ? 'CoordinatorUnreachable' : (VIP_FAILURES[code] ?? 'VIPServiceFailed');
  told.log.warn({ service: told.service, reason, err: detail }, told.msg);
  return new CoordinatorError(reason, message, { retryAfterMs, cause: error });
}
