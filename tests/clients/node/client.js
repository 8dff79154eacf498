// A grpc-js client of the appliance that checks every byte of every reply.
// Input and output are described in ../README.md.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const { Plan } = require('./plan.js');
const { judgeHit, judgeSync, parseVersion, readVersions } = require('./judge.js');
const { probe } = require('./health.js');

const EXIT_DEADLINE = 3;
const SAMPLES_MAX = 20;
const ERROR_PAUSE_MS = 10; // a server that is away is not asked in a tight loop
const AUTH = 'x-avap-auth';
const VERSION = 'avap-catalog-version';
const LOAD_OPTIONS = { keepCase: true, enums: String, longs: Number, defaults: true };
const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.use_local_subchannel_pool': 1, // otherwise all channels to one target share one connection
  'grpc.enable_http_proxy': 0,
};
const identity = (bytes) => bytes;

/** Statuses with which the appliance answers; with any other the call did not get an answer. */
const ANSWERS = new Set([
  grpc.status.OK,
  grpc.status.NOT_FOUND,
  grpc.status.UNAUTHENTICATED,
  grpc.status.INVALID_ARGUMENT,
  grpc.status.UNIMPLEMENTED,
]);

class Report {
  constructor() {
    this.started = process.hrtime.bigint();
    this.json = { client: 'node', calls: 0, hit: 0, miss: 0, wrong_key: 0, sync: 0, errors: [], error_count: 0 };
    Object.assign(this.json, { error_codes: {}, mismatches: [], mismatch_count: 0 });
    Object.assign(this.json, { generation_went_back: 0, went_back: [], digests: {}, last_generation: 0, health: {} });
  }

  error(kind, code, message) {
    const { json } = this;
    json.error_count += 1;
    json.error_codes[code] = (json.error_codes[code] ?? 0) + 1;
    if (json.errors.length < SAMPLES_MAX) json.errors.push({ kind, code, message });
  }

  mismatch(call, what) {
    const { json } = this;
    json.mismatch_count += 1;
    if (json.mismatches.length < SAMPLES_MAX) json.mismatches.push({ kind: call.kind, name: call.name, what });
  }

  version({ generation, digest }) {
    this.json.digests[digest] = (this.json.digests[digest] ?? 0) + 1;
    this.json.last_generation = Math.max(this.json.last_generation, generation);
  }

  wentBack(connection, from, to) {
    this.json.generation_went_back += 1;
    if (this.json.went_back.length < SAMPLES_MAX) this.json.went_back.push({ connection, from, to });
  }

  print(code) {
    this.json.seconds = Number(process.hrtime.bigint() - this.started) / 1e9;
    fs.writeSync(1, `${JSON.stringify(this.json)}\n`);
    process.exit(code);
  }
}

/** The inodes of this process's open sockets: equal lists mean that no connection was replaced. */
function openSockets() {
  const links = [];
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    try {
      links.push(fs.readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      continue; // closed meanwhile
    }
  }
  return links.filter((link) => link.startsWith('socket:')).sort().join(' ');
}

/** Watches that a call begun after a reply was seen never gets an older generation on the same connection. */
class GenerationWatch {
  constructor(connections, report) {
    this.report = report;
    this.epoch = 0;
    this.sockets = openSockets();
    this.floors = new Array(connections).fill(0);
  }

  begin(connection) {
    return { epoch: this.epoch, floor: this.floors[connection] };
  }

  end(connection, begun, generation) {
    if (generation < begun.floor && begun.epoch === this.epoch) this.suspect(connection, begun.floor, generation);
    this.floors[connection] = Math.max(this.floors[connection], generation);
  }

  suspect(connection, floor, generation) {
    const sockets = openSockets();
    if (sockets === this.sockets) {
      this.report.wentBack(connection, floor, generation);
      return;
    }
    // A channel reconnected by itself, maybe this one: what was seen before says nothing any more.
    this.epoch += 1;
    this.sockets = sockets;
    this.floors.fill(0);
  }
}

class Caller {
  constructor(input, report, contract) {
    const service = contract['avap.DefinitionEngine'];
    this.methods = { get: service.GetCommand, sync: service.SyncCatalog };
    this.wire = input.wire ?? 'standard';
    this.waitForReady = Boolean(input.wait_for_ready);
    this.timeoutMs = (input.call_timeout_s ?? 10) * 1000;
    this.versions = readVersions(input.versions);
    this.report = report;
    this.clients = Array.from(
      { length: input.connections },
      () => new grpc.Client(input.target, grpc.credentials.createInsecure(), CHANNEL_OPTIONS),
    );
  }

  async connect() {
    const ready = (client) =>
      new Promise((resolve) => {
        client.waitForReady(Date.now() + this.timeoutMs, resolve);
      });
    await Promise.all(this.clients.map(ready));
    this.watch = new GenerationWatch(this.clients.length, this.report);
  }

  /** Makes one call on one connection and enters its outcome in the report; whether it was answered. */
  make(call, connection) {
    const method = call.kind === 'sync' ? this.methods.sync : this.methods.get;
    const request = call.kind === 'sync' ? {} : { name: call.name };
    const metadata = new grpc.Metadata({ waitForReady: this.waitForReady });
    if (call.key !== null) metadata.set(AUTH, call.key);
    const begun = this.watch.begin(connection);
    this.report.json.calls += 1;
    return new Promise((resolve) => {
      let versionText;
      const pending = this.clients[connection].makeUnaryRequest(
        method.path,
        method.requestSerialize,
        identity,
        request,
        metadata,
        { deadline: Date.now() + this.timeoutMs },
        (error, reply) => {
          // A reply of trailers alone carries the header in them.
          versionText ??= error?.metadata?.get(VERSION)[0];
          resolve(this.outcome(call, connection, begun, versionText, error, reply));
        },
      );
      pending.on('metadata', (headers) => {
        [versionText] = headers.get(VERSION);
      });
    });
  }

  outcome(call, connection, begun, versionText, error, reply) {
    const code = error?.code ?? grpc.status.OK;
    if (!ANSWERS.has(code)) {
      this.report.error(call.kind, grpc.status[code] ?? String(code), error.details);
      return false;
    }
    const named = parseVersion(versionText);
    if (named !== null) {
      this.report.version(named);
      this.watch.end(connection, begun, named.generation);
    }
    const version = this.versions.get(named?.digest);
    let fault;
    if (version === undefined) fault = `${VERSION} is ${JSON.stringify(versionText)}, of no version in the input`;
    else if (code === grpc.status.OK) fault = this.judgeReply(call, version, named.digest, reply);
    else fault = this.judgeRefusal(call, version, code, error.details);
    if (fault === null) this.report.json[call.kind] += 1;
    else this.report.mismatch(call, fault);
    return true;
  }

  judgeReply(call, version, digest, reply) {
    try {
      if (call.kind === 'sync') {
        return judgeSync(version, digest, reply, this.methods.sync.responseDeserialize, this.wire);
      }
      if (call.kind === 'hit') {
        return judgeHit(version, call.name, reply, this.methods.get.responseDeserialize, this.wire);
      }
    } catch (error) {
      return `not decodable: ${error.message}`;
    }
    return 'answered OK';
  }

  judgeRefusal(call, version, code, message) {
    const missing = call.kind === 'miss' || (call.kind === 'hit' && !version.commands.has(call.name));
    let expected = [grpc.status.OK, ''];
    if (call.kind === 'wrong_key') expected = [grpc.status.UNAUTHENTICATED, 'Invalid Credentials'];
    else if (missing) expected = [grpc.status.NOT_FOUND, `Command '${call.name}' not found`];
    if (code === expected[0] && message === expected[1]) return null;
    return `${grpc.status[code]} ${JSON.stringify(message)}`;
  }
}

async function main() {
  const input = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  const protoDir = input.proto_dir ?? path.join(__dirname, '../../../proto');
  const load = (name) => protoLoader.loadSync(path.join(protoDir, name), LOAD_OPTIONS);
  const contract = load(input.wire === 'lite' ? 'avap_lite.proto' : 'avap.proto');
  const { Health } = grpc.loadPackageDefinition(load('health.proto')).grpc.health.v1;

  const report = new Report();
  const plan = new Plan(input);
  const caller = new Caller(input, report, contract);
  setTimeout(() => report.print(EXIT_DEADLINE), (input.deadline_s ?? 120) * 1000);

  const callOptions = () => ({ deadline: Date.now() + caller.timeoutMs });
  const credentials = grpc.credentials.createInsecure();
  report.json.health = await probe(Health, input.target, credentials, CHANNEL_OPTIONS, callOptions);
  for (const [service, status] of Object.entries(report.json.health)) {
    if (status !== 'SERVING') report.error('health', String(status), service);
  }
  await caller.connect();

  let goOn = Boolean(input.until_stdin_closes);
  if (goOn) {
    process.stdin.on('end', () => (goOn = false));
    process.stdin.resume();
  }
  const lane = async (connection) => {
    while (goOn || report.json.calls < input.calls) {
      if (!(await caller.make(plan.call(), connection))) await sleep(ERROR_PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: input.concurrency }, (_, index) => lane(index % input.connections)));
  report.print(0);
}

main().catch((error) => {
  fs.writeSync(2, `${error.stack}\n`);
  process.exit(2);
});
