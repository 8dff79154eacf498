// Whether one reply is what some announced version says, byte for byte.
'use strict';

const crypto = require('node:crypto');

const PACKAGE_HEADER_BYTES = 42; // "AVAP", version, length, MAC
const VERSION_FORM = /^([1-9][0-9]*)-([0-9a-f]{32})$/;

/** The base64 of the input, decoded once: digest → {commands: Map(name → Buffer), syncBody}. */
function readVersions(versions) {
  return new Map(
    versions.map(({ digest, commands, sync_body: syncBody }) => [
      digest,
      {
        commands: new Map(Object.entries(commands).map(([name, record]) => [name, Buffer.from(record, 'base64')])),
        syncBody: syncBody === undefined ? null : Buffer.from(syncBody, 'base64'),
      },
    ]),
  );
}

/** The value of `avap-catalog-version` as {generation, digest}, or null. */
function parseVersion(text) {
  const match = VERSION_FORM.exec(text ?? '');
  return match && { generation: Number(match[1]), digest: match[2] };
}

/** Fields of a decoded record that can be checked without the record itself. */
function judgeFields(record, name, wire) {
  if (record.name !== name) return `decoded name is ${JSON.stringify(record.name)}`;
  let source = record.code;
  if (wire === 'lite') {
    if (record.code.toString('latin1', 0, 4) !== 'AVAP') return 'code is not a signed package';
    source = record.code.subarray(PACKAGE_HEADER_BYTES);
  }
  const hash = crypto.createHash('sha256').update(source).digest('hex');
  return record.hash === hash ? null : `hash is ${record.hash}, of the decoded code ${hash}`;
}

function judgeHit(version, name, reply, decode, wire) {
  const expected = version.commands.get(name);
  if (expected === undefined) return 'answered, but this version does not hold the name';
  if (!reply.equals(expected)) return `${reply.length} bytes differ from the record's ${expected.length}`;
  return judgeFields(decode(reply), name, wire);
}

/** The records of a SyncCatalog body and the offset where they end. */
function splitRecords(body) {
  const records = [];
  let offset = 0;
  while (offset < body.length && body[offset] === 0x0a) {
    let length = 0;
    let shift = 0;
    for (offset += 1; ; shift += 7) {
      const byte = body[offset];
      if (byte === undefined || shift > 28) return null;
      length += (byte & 0x7f) * 2 ** shift;
      offset += 1;
      if (byte < 0x80) break;
    }
    if (offset + length > body.length) return null;
    records.push(body.subarray(offset, offset + length));
    offset += length;
  }
  return { records, end: offset };
}

function judgeSync(version, digest, reply, decode, wire) {
  if (version.syncBody !== null && !reply.equals(version.syncBody)) {
    return `${reply.length} bytes differ from the version's ${version.syncBody.length}`;
  }
  const split = splitRecords(reply);
  if (split === null) return 'the body is not a list of records';
  const catalog = decode(reply);
  const count = version.commands.size;
  if (split.records.length !== count || catalog.commands.length !== count) {
    return `${split.records.length} records instead of ${count}`;
  }
  const seen = new Set();
  for (const [position, record] of split.records.entries()) {
    const { name } = catalog.commands[position];
    const expected = version.commands.get(name);
    if (expected === undefined || !record.equals(expected) || seen.has(name)) return `record ${position} (${name}) differs`;
    seen.add(name);
  }
  if (wire !== 'lite') return split.end === reply.length ? null : 'bytes behind the records';
  if (catalog.total_count !== count) return `total_count is ${catalog.total_count}`;
  return catalog.version_hash === `v-${digest}` ? null : `version_hash is ${catalog.version_hash}`;
}

module.exports = { judgeHit, judgeSync, parseVersion, readVersions };
