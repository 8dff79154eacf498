// The standard health probe, as any load balancer makes it.
'use strict';

const SERVICES = ['', 'avap.DefinitionEngine'];

function check(client, service, options) {
  return new Promise((resolve) => {
    client.Check({ service }, options(), (error, reply) => resolve(error ? error.details : reply.status));
  });
}

function watchFirst(client, options) {
  return new Promise((resolve) => {
    const stream = client.Watch({ service: '' }, options());
    stream.on('data', (reply) => {
      resolve(reply.status);
      stream.cancel();
    });
    stream.on('error', (error) => resolve(error.details));
    stream.on('end', () => resolve('ended without a message'));
  });
}

/** {service: status, watch: status}; a status is "SERVING" or what went wrong. */
async function probe(Health, target, credentials, channelOptions, options) {
  const client = new Health(target, credentials, channelOptions);
  const answers = {};
  for (const service of SERVICES) answers[service] = await check(client, service, options);
  answers.watch = await watchFirst(client, options);
  client.close();
  return answers;
}

module.exports = { probe };
