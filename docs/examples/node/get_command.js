// Ask an AVAP Appliance for one command, then for all of them: grpc-js, avap.proto read at run time.
//
//     node get_command.js NAME      the key in API_KEY, the address in AVAP_TARGET (127.0.0.1:50051)
'use strict';

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const proto = path.join(__dirname, '../../../proto/avap.proto');
const { avap } = grpc.loadPackageDefinition(protoLoader.loadSync(proto, { keepCase: true }));

const target = process.env.AVAP_TARGET ?? '127.0.0.1:50051';
const name = process.argv[2] ?? 'addVar';
const metadata = new grpc.Metadata();
metadata.set('x-avap-auth', process.env.API_KEY ?? '');

const engine = new avap.DefinitionEngine(target, grpc.credentials.createInsecure(), {
  'grpc.max_receive_message_length': -1, // a catalogue is one message; the default limit is 4 MiB
});

/** One call, as a promise of the reply and of the version it was answered from. */
function call(method, request, timeoutMs) {
  return new Promise((resolve, reject) => {
    let version = '';
    const done = (error, reply) => (error ? reject(error) : resolve({ reply, version }));
    engine[method](request, metadata, { deadline: Date.now() + timeoutMs }, done).on('metadata', (headers) => {
      [version] = headers.get('avap-catalog-version');
    });
  });
}

async function main() {
  const { reply: command, version } = await call('GetCommand', { name }, 5_000);
  console.log(command.code);
  const { reply: catalog } = await call('SyncCatalog', {}, 60_000);
  console.log(`# ${command.name} of ${catalog.commands.length} commands, version ${version}`);
}

main()
  .catch((error) => {
    console.error(`${grpc.status[error.code] ?? 'ERROR'}: ${error.details ?? error.message}`);
    process.exitCode = 1;
  })
  .finally(() => engine.close());
