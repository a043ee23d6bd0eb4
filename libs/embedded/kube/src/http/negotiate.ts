/** How a client wants objects written. */
export interface Shape {
  as: 'object' | 'table' | 'metadata';
}

/**
 * The first understood media type of an Accept header: Tables for kubectl, PartialObjectMetadata for metadata clients,
 * else the objects.
 */
export function acceptedShape(accept: string | undefined): Shape {
  for (const part of (accept ?? '').split(',')) {
    const [type, ...parameters] = part.split(';').map((p) => p.trim());
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const as = parameters.find((p) => p.startsWith('as='))?.slice(3);
    const version = parameters.find((p) => p.startsWith('v='))?.slice(2);
    if (as === undefined) return { as: 'object' };
    if (as === 'Table' && version === 'v1') return { as: 'table' };
    if ((as === 'PartialObjectMetadataList' || as === 'PartialObjectMetadata') && version === 'v1')
      return { as: 'metadata' };
  }
  return { as: 'object' };
}

/** Whether the aggregated discovery document is asked for. */
export function wantsAggregatedDiscovery(accept: string | undefined): boolean {
  return (accept ?? '')
    .split(',')
    .some((part) => /g=apidiscovery\.k8s\.io/.test(part) && /v=v2(;|$)/.test(part.trim()));
}
