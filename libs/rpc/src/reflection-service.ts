import { status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type DescriptorProto, FileDescriptorProto } from '@tsgateway/protos/google/protobuf/descriptor';
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
    index ??= new DescriptorIndex(filesOf(options.descriptorSet));
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

interface File {
  readonly descriptor: FileDescriptorProto;
  /** As they stand in the set: encoding anew would lose zeros that are set, such as the number of an enum's value. */
  readonly bytes: Buffer;
}

/** The files of a serialized FileDescriptorSet (its field 1). */
function* filesOf(descriptorSet: Uint8Array): Generator<File> {
  const reader = new BinaryReader(descriptorSet);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field !== 1) {
      reader.skip(type);
      continue;
    }
    const bytes = Buffer.from(reader.bytes());
    yield { descriptor: FileDescriptorProto.decode(bytes), bytes };
  }
}

/** Files by name, and names of files by the symbols they define. */
class DescriptorIndex {
  readonly #files = new Map<string, File>();
  readonly #fileOfSymbol = new Map<string, string>();

  constructor(files: Iterable<File>) {
    for (const file of files) {
      const { name = '' } = file.descriptor;
      this.#files.set(name, file);
      for (const symbol of symbolsOf(file.descriptor)) this.#fileOfSymbol.set(symbol, name);
    }
  }

  /** Name of the file that defines a symbol; '' if there is none. */
  fileOf(symbol: string): string {
    return this.#fileOfSymbol.get(symbol) ?? '';
  }

  /** The file first, then all that it imports; undefined if there is no such file. */
  withImports(name: string): Answer {
    const found = new Map<string, File>();
    const visit = (fileName: string): void => {
      const file = this.#files.get(fileName);
      if (!file || found.has(fileName)) return;
      found.set(fileName, file);
      file.descriptor.dependency.forEach(visit);
    };
    visit(name);
    if (found.size === 0) return undefined;
    const fileDescriptorProto = [...found.values()].map((file) => file.bytes);
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
