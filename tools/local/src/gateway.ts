// The embedded gateway, in a process of its own.
import { type GatewayOptions, startGateway } from '@tsgateway/embedded-gateway';
import { createLogger } from '@tsgateway/process';
import { runChild } from './parent.ts';

interface Arguments extends Omit<GatewayOptions, 'kube' | 'log' | 'onProgress'> {
  readonly kubeconfigPath: string;
}

runChild(async (parent) => {
  const { kubeconfigPath, ...options } = JSON.parse(process.argv[2] ?? '{}') as Arguments;
  const gateway = await startGateway({
    ...options,
    kube: { kubeconfigPath },
    log: createLogger({
      name: 'gateway',
      level: 'info',
      format: 'json',
      write: (line) => process.stdout.write(line),
    }),
    onProgress: (line) => parent.tell({ progress: line }),
  });
  parent.onMessage((message) => {
    if (message.stats === undefined) return;
    gateway.stats().then(
      (stats) => parent.tell({ id: message.stats, stats }),
      () => parent.tell({ id: message.stats, stats: [] }),
    );
  });
  await gateway.ready();
  parent.tell({ ready: gateway.dataPlane });
  return () => gateway.close();
});
