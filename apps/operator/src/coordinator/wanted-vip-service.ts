import type { TailscaleServices } from '@tsgateway/api';

/** What a TailscaleServices asks of its VIP service. */
export interface WantedVipService {
  readonly service: {
    readonly name: string;
    readonly ports: string[];
    readonly tags: string[];
    readonly comment: string;
    readonly annotations: Record<string, string>;
  };
  readonly autoApprove: boolean;
}

/** Undefined: it asks for none. */
export function wantedVipService({ metadata, spec }: TailscaleServices): WantedVipService | undefined {
  if (spec.vipService === undefined) return undefined;
  const { name, ports = [], tags = [], comment = '', annotations = {}, autoApprove } = spec.vipService;
  return { service: { name: name ?? `svc:${metadata.name}`, ports, tags, comment, annotations }, autoApprove };
}
