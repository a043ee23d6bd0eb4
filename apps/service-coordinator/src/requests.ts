import { isReservedAnnotation, type EnsureRequest as Join } from '@tsgateway/coordination';
import type { DetachRequest, EnsureRequest, TailnetRef } from '@tsgateway/protos/tsgateway/v1alpha1/coordinator';
import { z } from 'zod';
import { CoordinatorError } from './coordinator-error.ts';
import type { TailnetAddress } from './tailnet-pool.ts';

// Field names as the proto has them: an error names what its caller wrote.
const tailnet = z
  .object({
    name: z.string().max(253).default(''),
    tailnet: z.string().max(253).default(''),
    secret_namespace: z.string().min(1, 'is required').max(63),
    secret_name: z.string().min(1, 'is required').max(253),
  })
  .transform((ref): TailnetAddress => ({
    name: ref.name,
    tailnet: ref.tailnet === '' ? '-' : ref.tailnet,
    secret: { namespace: ref.secret_namespace, name: ref.secret_name },
  }));

// It becomes part of an annotation's key.
const operatorId = z
  .string()
  .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,126}[A-Za-z0-9])?$/, 'must be 1 to 128 letters, digits, "-", "_" or "."');
const consumer = z.string().min(1, 'is required').max(512);
const serviceName = z
  .string()
  .max(67)
  .regex(/^svc:[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be "svc:" and a DNS label');

const service = z.object({
  name: serviceName,
  ports: z.array(z.string().regex(/^(tcp|udp):\d{1,5}$|^do-not-validate$/, 'must look like "tcp:80"')).max(100),
  tags: z.array(z.string().regex(/^tag:[A-Za-z][-A-Za-z0-9]*$/, 'must look like "tag:web"')).max(100),
  comment: z.string().max(1024),
  annotations: z
    .record(z.string().min(1).max(253), z.string().max(4096))
    .refine((map) => !Object.keys(map).some(isReservedAnnotation), 'holds a key that the gateway keeps for itself'),
});

const describe = z.object({ tailnet });
const ensure = z.object({ tailnet, operator_id: operatorId, consumer, service });
const detach = z.object({ tailnet, operator_id: operatorId, consumer, service_name: serviceName });

/** A checked `EnsureRequest`. */
export interface EnsureCall {
  address: TailnetAddress;
  join: Join;
  autoApprove: boolean;
}

/** A checked `DetachRequest`. */
export interface DetachCall {
  address: TailnetAddress;
  leave: { name: string; operatorId: string; consumer: string };
}

/** Throws `invalid-argument`, naming the field. */
export function parseTailnet(ref: TailnetRef | undefined): TailnetAddress {
  return checked(describe, { tailnet: wire(ref) }).tailnet;
}

/** Throws `invalid-argument`, naming the field. */
export function parseEnsure(request: EnsureRequest): EnsureCall {
  const parsed = checked(ensure, {
    tailnet: wire(request.tailnet),
    operator_id: request.operatorId,
    consumer: request.consumer,
    service: request.service,
  });
  const { name, ...spec } = parsed.service;
  return {
    address: parsed.tailnet,
    autoApprove: request.autoApprove,
    join: { name, operatorId: parsed.operator_id, consumer: parsed.consumer, spec, attachOnly: request.attachOnly },
  };
}

/** Throws `invalid-argument`, naming the field. */
export function parseDetach(request: DetachRequest): DetachCall {
  const parsed = checked(detach, {
    tailnet: wire(request.tailnet),
    operator_id: request.operatorId,
    consumer: request.consumer,
    service_name: request.serviceName,
  });
  return {
    address: parsed.tailnet,
    leave: { name: parsed.service_name, operatorId: parsed.operator_id, consumer: parsed.consumer },
  };
}

function wire(ref: TailnetRef | undefined) {
  return ref && { ...ref, secret_namespace: ref.secretNamespace, secret_name: ref.secretName };
}

function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  const missing = issue?.code === 'invalid_type' && issue.input === undefined;
  throw new CoordinatorError(
    'invalid-argument',
    `${field}: ${missing ? 'is required' : (issue?.message ?? 'is invalid')}`,
  );
}
