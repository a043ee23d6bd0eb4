import { status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/grpc-js';
import {
  type DescriptorProto,
  FileDescriptorProto,
  FileDescriptorSet,
} from '@tsgateway/protos/google/protobuf/descriptor';
import {
  type ServerReflectionRequest,
  ServerReflectionResponse,
  type ServerReflectionServer,
  ServerReflectionService,
} from '@tsgateway/protos/grpc/reflection/v1/reflection';

type Answer = ServerReflectionResponse['messageResponse'];

/** The same service under the name that older tools ask for; the messages are alike on the wire. */
export const reflectionV1Alpha: ServiceDefinition = {
  serverReflectionInfo: {
    ...ServerReflectionService.serverReflectionInfo,
    path: '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
  },
};

/**
 * Implements `grpc.reflection.v1.ServerReflection` from a serialized FileDescriptorSet, which is read with the first
 * question. It knows files and symbols; there are no extensions to ask for.
 */
export function reflectionService(options: {
  descriptorSet: Uint8Array;
  /** Full names of the services that the server has. */
  services: () => readonly string[];
}): ServerReflectionServer {
  let index: DescriptorIndex | undefined;
  const answer = (request: ServerReflectionRequest): Answer => {
    index ??= new DescriptorIndex(FileDescriptorSet.decode(options.descriptorSet).file);
    const asked = request.messageRequest;
    switch (asked?.$case) {
      case 'listServices':
        return {
          $case: 'listServicesResponse',
          value: { service: [...options.services()].sort().map((name) => ({ name })) },
        };
      case 'fileByFilename':
        return index.withImports(asked.value) ?? notFound(`no file "${asked.value}"`);
      case 'fileContainingSymbol':
        return index.withImports(index.fileOf(asked.value)) ?? notFound(`no symbol "${asked.value}"`);
      case 'allExtensionNumbersOfType':
        return {
          $case: 'allExtensionNumbersResponse',
          value: { baseTypeName: asked.value, extensionNumber: [] },
        };
      case 'fileContainingExtension':
        return notFound(`no extension ${asked.value.extensionNumber} of "${asked.value.containingType}"`);
      case undefined:
        return { $case: 'errorResponse', value: { errorCode: status.INVALID_ARGUMENT, errorMessage: 'empty request' } };
    }
  };
  return {
    serverReflectionInfo: (call) => {
      call.on('data', (request: ServerReflectionRequest) => {
        const response = ServerReflectionResponse.fromPartial({ validHost: request.host, originalRequest: request });
        response.messageResponse = answer(request);
        // One answer per question: a client that does not read its answers is not read from.
        if (!call.write(response)) {
          call.pause();
          call.once('drain', () => call.resume());
        }
      });
      call.on('end', () => call.end());
    },
  };
}

const notFound = (errorMessage: string): Answer => ({
  $case: 'errorResponse',
  value: { errorCode: status.NOT_FOUND, errorMessage },
});

/** Files by name, and names of files by the symbols they define. */
class DescriptorIndex {
  readonly #files: ReadonlyMap<string, FileDescriptorProto>;
  readonly #fileOfSymbol = new Map<string, string>();

  constructor(files: readonly FileDescriptorProto[]) {
    this.#files = new Map(files.map((file) => [file.name ?? '', file]));
    for (const file of files) for (const symbol of symbolsOf(file)) this.#fileOfSymbol.set(symbol, file.name ?? '');
  }

  /** Name of the file that defines a symbol; '' if there is none. */
  fileOf(symbol: string): string {
    return this.#fileOfSymbol.get(symbol) ?? '';
  }

  /** The file first, then all that it imports; undefined if there is no such file. */
  withImports(name: string): Answer {
    const found = new Map<string, FileDescriptorProto>();
    const visit = (fileName: string): void => {
      const file = this.#files.get(fileName);
      if (!file || found.has(fileName)) return;
      found.set(fileName, file);
      file.dependency.forEach(visit);
    };
    visit(name);
    if (found.size === 0) return undefined;
    const fileDescriptorProto = [...found.values()].map((file) =>
      Buffer.from(FileDescriptorProto.encode(file).finish()),
    );
    return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
  }
}

function* symbolsOf(file: FileDescriptorProto): Generator<string> {
  const scope = file.package ? `${file.package}.` : '';
  for (const message of file.messageType) yield* symbolsOfMessage(message, scope);
  for (const { name, value } of file.enumType) {
    yield `${scope}${name}`;
    for (const v of value) yield `${scope}${v.name}`;
  }
  for (const { name, method } of file.service) {
    yield `${scope}${name}`;
    for (const m of method) yield `${scope}${name}.${m.name}`;
  }
}

function* symbolsOfMessage(message: DescriptorProto, scope: string): Generator<string> {
  const name = `${scope}${message.name}`;
  yield name;
  for (const field of message.field) yield `${name}.${field.name}`;
  for (const { name: enumName } of message.enumType) yield `${name}.${enumName}`;
  for (const nested of message.nestedType) yield* symbolsOfMessage(nested, `${name}.`);
}
