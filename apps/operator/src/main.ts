import { runService } from '@tsgateway/process';
import { config } from './config.ts';
import { startOperator } from './operator.ts';

await runService({ name: 'operator', env: config, start: startOperator });
