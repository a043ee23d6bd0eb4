// Generates libs/protos/src/gen: TypeScript for proto/ and for Envoy's protos, and the descriptors that gRPC
// reflection serves.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const envoyDeps = 'node_modules/@grpc/grpc-js-xds/deps';
const patched = 'dist/protos/validate/validate';
const out = 'libs/protos/src/gen';
const buf = (...args) => execFileSync('node_modules/.bin/buf', args, { stdio: ['ignore', 'inherit', 'inherit'] });

// Envoy's protos use the validation rule `ignore_empty`, which the validate.proto shipped beside them predates. The
// rules mean nothing to generated code, so any free field number will do.
const validate = readFileSync(`${envoyDeps}/protoc-gen-validate/validate/validate.proto`, 'utf8');
mkdirSync(patched, { recursive: true });
writeFileSync(
  `${patched}/validate.proto`,
  validate.replace(/^message \w+Rules \{/gm, '$&\n  optional bool ignore_empty = 1000;'),
);

rmSync(out, { recursive: true, force: true });
buf('generate');

const descriptors = 'dist/protos/descriptors.binpb';
buf(
  ...['build', '--exclude-source-info', '--as-file-descriptor-set', '-o', descriptors],
  ...[
    ...['proto/tsgateway', 'proto/proto', 'proto/grpc'],
    ...['endpoint', 'load_stats', 'accesslog'].map((s) => `${envoyDeps}/envoy-api/envoy/service/${s}/v3`),
  ].flatMap((path) => ['--path', path]),
);
writeFileSync(
  `${out}/descriptors.ts`,
  `// Generated: a serialized google.protobuf.FileDescriptorSet of the services in proto/ and of Envoy's EDS, LRS and ALS.\n` +
    `export const descriptorSet: Buffer = Buffer.from('${readFileSync(descriptors).toString('base64')}', 'base64');\n`,
);
