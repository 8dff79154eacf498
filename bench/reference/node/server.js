// DefinitionEngine on grpc-js: `node server.js CATALOG VERSION WORKERS`, the key in API_KEY.
// Prints its address when it listens, ends on SIGTERM and when its standard input closes.
'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const [catalogFile, version, workers] = process.argv.slice(2);

function serve(listening) {
  const { GetCommand, SyncCatalog } = protoLoader.loadSync(path.join(__dirname, 'avap.proto'))['avap.DefinitionEngine'];
  const key = Buffer.from(process.env.API_KEY);
  const catalog = fs.readFileSync(catalogFile);
  // Records and catalogue are kept as bytes and pass through unserialized.
  const records = new Map(
    SyncCatalog.responseDeserialize(catalog).commands.map((command) => [
      command.name,
      GetCommand.responseSerialize(command),
    ]),
  );
  const asItIs = (bytes) => bytes;

  const answer = (find) => (call, callback) => {
    const metadata = new grpc.Metadata();
    metadata.set('avap-catalog-version', version);
    call.sendMetadata(metadata);
    const given = Buffer.from(call.metadata.get('x-avap-auth')[0] ?? '');
    if (given.length !== key.length || !crypto.timingSafeEqual(given, key)) {
      callback({ code: grpc.status.UNAUTHENTICATED, details: 'Invalid Credentials' });
    } else {
      find(call.request, callback);
    }
  };

  const server = new grpc.Server();
  server.addService(
    {
      GetCommand: { ...GetCommand, responseSerialize: asItIs },
      SyncCatalog: { ...SyncCatalog, responseSerialize: asItIs },
    },
    {
      GetCommand: answer(({ name = '' }, callback) => {
        const record = records.get(name);
        if (record) callback(null, record);
        else callback({ code: grpc.status.NOT_FOUND, details: `Command '${name}' not found` });
      }),
      SyncCatalog: answer((_, callback) => callback(null, catalog)),
    },
  );
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    listening(port);
  });
}

function supervise(count) {
  const ready = new Set();
  for (let started = 0; started < count; started++) cluster.fork();
  cluster.on('listening', (worker, { port }) => {
    ready.add(worker.id);
    if (ready.size === count) say(port); // the cluster gives all of them the same one
  });
  cluster.on('exit', () => process.exit(1));
}

function say(port) {
  console.log(`127.0.0.1:${port}`);
}

if (cluster.isPrimary) {
  process.stdin.on('end', () => process.exit()).resume();
  if (workers > 1) supervise(Number(workers));
  else serve(say);
} else {
  serve(() => {}); // ends when the primary does
}
